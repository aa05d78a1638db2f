/* SPDX-License-Identifier: MIT */
#include "tests/doctor/made_up.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void machine_make(struct machine_facts *m)
{
	m->page_bytes = 4096;
	m->kernel.major = 7;
	m->kernel.minor = 2;
	m->kernel.init_userns = TRI_YES;
	snprintf(m->kernel.release, sizeof(m->kernel.release), "7.2.13");
	snprintf(m->kernel.config_path, sizeof(m->kernel.config_path), "/proc/config.gz");
	for (unsigned i = 0; i < CONFIG_COUNT; i++)
		m->kernel.config[i] = TRI_YES;
	m->uring.group = -1;
	m->uring.ring_call = "io_uring_enter";
	m->uring.recv_zc = TRI_YES;
	m->uring.user_in_group = TRI_NO;
	snprintf(m->uring.user, sizeof(m->uring.user), "zcrxd");
	m->limits.memlock_bytes = UINT64_MAX;
	m->limits.nofile = 1048576;
	m->pumps.landlock = 10;
	m->pumps.ptrace_scope = 1;
	m->pumps.pump.mode = m->pumps.hand.mode = 0755;
	snprintf(m->pumps.pump.path, sizeof(m->pumps.pump.path), "/usr/libexec/zcrx-pump");
	snprintf(m->pumps.hand.path, sizeof(m->pumps.hand.path), "/usr/libexec/zcrx-hand");
	m->limits.inotify_watches = 65536;
	m->limits.inotify_wanted = 3584;
	m->limits.epoll_watches = 400000;
	m->limits.epoll_wanted = 16384;
	m->limits.tcp_rmem_max_bytes = (uint64_t)32 << 20;
}

static void nic_make(struct nic_facts *nic)
{
	uint32_t table[MADE_UP_QUEUES];
	struct link_facts *l = &nic->link;
	struct ethtool_facts *e = &nic->ethtool;

	snprintf(l->name, sizeof(l->name), "eth0");
	snprintf(l->bus_device, sizeof(l->bus_device), "0000:17:00.0");
	l->ifindex = 2;
	l->ether = true;
	l->up = true;
	l->carrier = true;
	l->mtu = 4148;
	snprintf(e->driver, sizeof(e->driver), "mlx5_core");
	e->split = TRI_YES;
	e->thresh_known = TRI_YES;
	e->gro_hw = (struct feature){.active = true};
	e->ntuple = (struct feature){.active = true};
	e->rx_queues = MADE_UP_QUEUES;
	e->rx_queues_max = MADE_UP_QUEUES;
	nic->probe_err = -EBADF;
	for (unsigned i = 0; i < MADE_UP_QUEUES; i++) {
		struct queue_facts *q = nic_queue(nic, i);

		assert_non_null(q);
		q->listed = true;
		table[i] = i;
	}
	assert_true(nic_steering_add(&nic->steering, 0, table, MADE_UP_QUEUES));
}

int made_up_setup(void **state)
{
	struct made_up *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->machine = &m->facts.machine;
	machine_make(m->machine);
	m->nic = calloc(1, sizeof(*m->nic));
	assert_non_null(m->nic);
	nic_make(m->nic);
	m->facts.nics = m->nic;
	m->facts.n_nics = 1;
	*state = m;
	return 0;
}

int made_up_teardown(void **state)
{
	struct made_up *m = *state;

	diagnosis_done(&m->diagnosis);
	facts_done(&m->facts);
	free(m);
	return 0;
}

static void check_report(const struct report *r)
{
	assert_true(r->n > 0);
	assert_true(r->summary[0]);
	for (unsigned i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		bool acts = f->verdict == VERDICT_FIX || f->verdict == VERDICT_NO ||
			    f->verdict == VERDICT_HINT;

		assert_true(f->text[0]);
		/* A finding has an action if, and only if, somebody has to do something. */
		assert_int_equal(acts, f->action[0] != '\0');
		/* Nothing was cut off. */
		assert_true(strlen(f->text) + 1 < sizeof(f->text));
		assert_true(strlen(f->action) + 1 < sizeof(f->action));
		assert_true(strlen(f->value) + 1 < sizeof(f->value));
	}
}

void made_up_judge(struct made_up *m)
{
	diagnosis_done(&m->diagnosis);
	assert_int_equal(judge(&m->facts, &m->diagnosis), 0);
	check_report(&m->diagnosis.machine);
	for (unsigned i = 0; i < m->diagnosis.n_nics; i++)
		check_report(&m->diagnosis.nics[i]);
}

static const struct finding *find(const struct report *r, const char *subject, const char *value)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->findings[i].subject, subject) == 0 &&
		    (!value || strcmp(r->findings[i].value, value) == 0))
			return &r->findings[i];
	return NULL;
}

const struct finding *about_machine(const struct made_up *m, const char *subject)
{
	return find(&m->diagnosis.machine, subject, NULL);
}

const struct finding *about_nic(const struct made_up *m, const char *subject)
{
	return find(&m->diagnosis.nics[0], subject, NULL);
}

const struct finding *about_queues(const struct made_up *m, const char *value)
{
	return find(&m->diagnosis.nics[0], "queues", value);
}

void assert_verdict(const struct finding *f, enum verdict verdict)
{
	assert_non_null(f);
	assert_string_equal(verdict_name(f->verdict), verdict_name(verdict));
}

void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}
