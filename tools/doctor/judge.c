/* SPDX-License-Identifier: MIT */
/* Puts the findings together. Has what the parts of the judge share. */
#include "tools/doctor/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/backend.h"

const char *size_text(char buf[TEXT_SIZE], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned u = 0;

	/* A number that is not short is rounded down to four or five digits. */
	while (bytes >= 1024 && (bytes % 1024 == 0 || bytes >= 10240) &&
	       u + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		u++;
	}
	snprintf(buf, TEXT_SIZE, "%" PRIu64 " %s", bytes, units[u]);
	return buf;
}

void text_add(char *buf, size_t size, const char *format, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf + used, size - used, format, ap);
	va_end(ap);
}

const char *error_text(int err)
{
	const char *text = strerrordesc_np(-err);

	return text ? text : "unknown error";
}

bool queue_is_busy(const struct queue_facts *q)
{
	return q->io_uring || q->dmabuf || q->xsk || q->leased;
}

bool machine_gives_rings(const struct machine_facts *m)
{
	return !m->pumps.getfd_err && m->pumps.ptrace_scope < 2;
}

/* Can the machine do zero copy into ordinary memory at all? */
static bool machine_can_zcrx(const struct machine_facts *m)
{
	return machine_gives_rings(m) && kernel_is_at_least(&m->kernel, 6, 15) &&
	       m->kernel.config[CONFIG_IO_URING_ZCRX] != TRI_NO && m->uring.recv_zc != TRI_NO &&
	       m->kernel.init_userns != TRI_NO && !(m->kernel.holes & ~m->kernel.fixed_holes);
}

bool machine_can_devmem(const struct machine_facts *m)
{
	return kernel_is_at_least(&m->kernel, 6, 12) &&
	       m->kernel.config[CONFIG_NET_DEVMEM] != TRI_NO;
}

/*
 * The level of the whole machine. If NICs were named, all of them must be ready; else one ready NIC
 * is enough. A machine without a NIC can only copy.
 */
static enum level level_overall(const struct facts *facts, const struct diagnosis *d)
{
	enum level best = LEVEL_BROKEN, worst = LEVEL_READY;

	if (!d->n_nics)
		return d->machine.level == LEVEL_BROKEN ? LEVEL_BROKEN : LEVEL_COPY;
	for (unsigned i = 0; i < d->n_nics; i++) {
		enum level l = d->nics[i].level;

		best = l < best ? l : best;
		worst = l > worst ? l : worst;
	}
	return facts->named ? worst : best;
}

static void machine_summary(const struct facts *facts, struct report *r)
{
	uint32_t can = (machine_can_zcrx(&facts->machine) ? BACKEND_BIT_ZCRX : 0) |
		       (machine_can_devmem(&facts->machine) ? BACKEND_BIT_DEVMEM : 0);
	unsigned fix = report_count(r, VERDICT_FIX);
	char names[TEXT_SIZE];

	backend_names(can, ", ", names, sizeof(names));
	if (r->level == LEVEL_BROKEN)
		snprintf(r->summary, sizeof(r->summary),
			 "machine: zcrxd cannot run here until the FIX lines above are done.");
	else if (!facts->n_nics)
		snprintf(r->summary, sizeof(r->summary),
			 "machine: no physical network interface in this network namespace; name "
			 "one to look at it all the same. Clients get backend=copy.");
	else if (r->level == LEVEL_COPY)
		snprintf(r->summary, sizeof(r->summary),
			 "machine: no zero copy until the FIX lines above are done; clients get "
			 "backend=copy.");
	else
		snprintf(r->summary, sizeof(r->summary), "machine: can do zero copy (%s)%s.", names,
			 fix ? "; more waits for what the FIX lines above say" : "");
}

int judge(const struct facts *facts, struct diagnosis *ret)
{
	struct diagnosis d = {0};
	bool no_memory;

	memcpy(d.release, facts->machine.kernel.release, sizeof(d.release));
	if (facts->n_nics) {
		d.nics = calloc(facts->n_nics, sizeof(*d.nics));
		if (!d.nics)
			return -ENOMEM;
	}
	judge_machine(&facts->machine, &d.machine);
	machine_summary(facts, &d.machine);
	no_memory = d.machine.no_memory;
	for (; d.n_nics < facts->n_nics; d.n_nics++) {
		struct report *r = &d.nics[d.n_nics];

		judge_nic(&facts->machine, &facts->nics[d.n_nics], &d.machine, r);
		no_memory = no_memory || r->no_memory;
	}
	if (no_memory) {
		diagnosis_done(&d);
		return -ENOMEM;
	}
	d.level = level_overall(facts, &d);
	*ret = d;
	return 0;
}
