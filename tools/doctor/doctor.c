/* SPDX-License-Identifier: MIT */
/*
 * The command: parses its options, chooses the NICs, gathers the facts, has them judged and prints
 * the result.
 */
#include "tools/doctor/doctor.h"

#include "policy/config_file.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/judge.h"
#include "tools/doctor/render.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *out)
{
	fputs("usage: zcrxctl doctor [--json] [-c FILE] [NIC]...\n"
	      "\n"
	      "Says what of zero-copy receive works on this machine and with these NICs, and what\n"
	      "to do about the rest. Without a NIC: all physical ones of this network namespace.\n"
	      "Needs no daemon and no privilege, and changes nothing. Run as root it can also ask\n"
	      "the driver whether it takes memory providers (else a table answers), and name the\n"
	      "processes that hold queues.\n"
	      "\n"
	      "  -c, --config FILE  zcrxd's configuration (" CONFIG_PATH ")\n"
	      "  -j, --json         print one JSON document instead of the table\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "verdicts:\n"
	      "  ok     nothing to do\n"
	      "  FIX    zero copy, or zcrxd, waits for what is said after the arrow\n"
	      "  NO     cannot be had here; what is said after the arrow is the way around\n"
	      "  hint   works, and would be better with what is said after the arrow\n"
	      "  note   good to know\n"
	      "  later  zcrxd does it when a queue is leased, and undoes it afterwards\n"
	      "\n"
	      "exit status:\n"
	      "  0  ready for zero copy: every NIC that was named, or, if none was, at least one\n"
	      "  1  copy only\n"
	      "  2  broken: not even copies work; or wrong usage, or no such NIC\n",
	      out);
}

static const struct link_facts *link_of_name(const struct link_facts *links, unsigned n,
					     const char *name)
{
	/* if_nametoindex() finds alternative names, too. */
	unsigned ifindex = strlen(name) < IF_NAMESIZE ? if_nametoindex(name) : 0;

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(links[i].name, name) || links[i].ifindex == ifindex)
			return &links[i];
	return NULL;
}

static bool link_is_physical(const struct link_facts *l)
{
	return l->ether && !l->loopback && l->bus_device[0];
}

/* Fills facts->nics with those named, or else with the physical ones. */
static int nics_gather(struct facts *facts, const struct link_facts *links, unsigned n,
		       char *const *names)
{
	unsigned room = n;

	for (facts->named = names[0]; names[room - n]; room++)
		;
	facts->nics = calloc(room ? room : 1, sizeof(*facts->nics));
	if (!facts->nics)
		return -ENOMEM;
	for (; *names; names++) {
		const struct link_facts *link = link_of_name(links, n, *names);

		if (!link) {
			fprintf(stderr,
				"zcrxctl doctor: no network interface %s in this network "
				"namespace (see: ip link)\n",
				*names);
			return -ENODEV;
		}
		nic_gather(&facts->nics[facts->n_nics++], link);
	}
	for (unsigned i = 0; !facts->named && i < n; i++)
		if (link_is_physical(&links[i]))
			nic_gather(&facts->nics[facts->n_nics++], &links[i]);
	return 0;
}

static bool any_queue_is_busy(const struct facts *facts)
{
	for (unsigned i = 0; i < facts->n_nics; i++)
		for (unsigned q = 0; q < facts->nics[i].n_queues; q++)
			if (queue_is_busy(&facts->nics[i].queues[q]))
				return true;
	return false;
}

/* *sum += users * n, at most UINT64_MAX. */
static void add_for_users(uint64_t *sum, uint64_t users, uint64_t n)
{
	if (__builtin_mul_overflow(users, n, &n) || __builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

/*
 * Gathers what zcrxd.conf says. If it cannot be read, config_load() has printed why, and the limits
 * that are compared with it cannot be judged. Returns 0 or a negative errno.
 */
static int settings_gather(struct machine_facts *m, const char *path)
{
	struct config c = {0};
	int r = config_load(&c, path);

	if (r == 0)
		m->kernel.fixed_holes = c.fixed_holes;
	else
		m->limits.inotify_err = m->limits.epoll_err = r;
	for (struct policy_class *k = r == 0 ? c.policy.classes : NULL; k; k = k->next) {
		const struct limits *l = &k->limits;

		add_for_users(&m->limits.inotify_wanted, l->most_users, limits_files(l));
		if (k->host != POLICY_HOST_NO)
			add_for_users(&m->limits.inotify_wanted, l->most_users,
				      l->most[ACCOUNT_FLOWS]);
		add_for_users(&m->limits.epoll_wanted, l->most_users, l->most[ACCOUNT_FLOWS]);
	}
	config_done(&c);
	return r;
}

static int facts_gather(struct facts *facts, char *const *names, const char *config)
{
	struct machine_facts *m = &facts->machine;
	struct link_facts *links = NULL;
	unsigned n = 0;
	int r;

	r = links_gather(&links, &n);
	if (r) {
		fprintf(stderr, "zcrxctl doctor: cannot list the network interfaces: %s\n",
			error_text(r));
		return r;
	}
	r = nics_gather(facts, links, n, names);
	free(links);
	if (r)
		return r;
	m->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	kernel_gather(&m->kernel);
	uring_gather(&m->uring);
	pumps_gather(&m->pumps);
	limits_gather(&m->limits);
	r = settings_gather(m, config);
	if (r && config) /* a file that somebody named has to be read */
		return -ECANCELED;
	if (any_queue_is_busy(facts))
		nic_holders_get(&m->holders);
	return 0;
}

static int diagnose(char *const *names, const char *config, bool json)
{
	struct facts facts = {0};
	struct diagnosis d = {0};
	int r;

	r = facts_gather(&facts, names, config);
	if (!r)
		r = judge(&facts, &d);
	facts_done(&facts);
	if (!r && json)
		r = render_json(&d, stdout);
	else if (!r)
		render_table(&d, stdout);
	if (r && r != -ENODEV && r != -ECANCELED) /* of these two the reason was printed */
		fprintf(stderr, "zcrxctl doctor: %s\n", error_text(r));
	r = r ? LEVEL_BROKEN : (int)d.level;
	diagnosis_done(&d);
	return r;
}

/* Does the finding keep queues from being leased, or may it? */
static bool is_in_the_way(const struct finding *f)
{
	return f->verdict == VERDICT_NO || f->verdict == VERDICT_FIX ||
	       (f->verdict == VERDICT_HINT && !strcmp(f->subject, "driver"));
}

static void lacks_say(const struct report *r, nic_say say)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		char line[700];

		if (!is_in_the_way(f))
			continue;
		snprintf(line, sizeof(line), "%s: %s %s: %s -> %s", r->name, f->subject, f->value,
			 f->text, f->action);
		say(true, line);
	}
}

int doctor_lacks(const char *nic, nic_say say)
{
	struct machine_facts machine = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
	struct nic_facts facts = {0};
	struct link_facts *links = NULL;
	struct report r = {0};
	unsigned n = 0;
	int result = links_gather(&links, &n);
	const struct link_facts *link = result == 0 ? link_of_name(links, n, nic) : NULL;

	if (link) {
		nic_gather(&facts, link);
		kernel_gather(&machine.kernel);
		judge_abilities(&machine, &facts, &r);
		lacks_say(&r, say);
		result = r.no_memory ? -ENOMEM : (int)report_count(&r, VERDICT_NO);
	} else if (result == 0) {
		result = -ENODEV;
	}
	free(r.findings);
	nic_done(&facts);
	free(links);
	return result;
}

int doctor_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *config = NULL;
	bool json = false;
	int c;

	optind = 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	while ((c = getopt_long(argc, argv, "c:jh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			config = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			fputs("try: zcrxctl doctor --help\n", stderr);
			return LEVEL_BROKEN;
		}
	}
	return diagnose(argv + optind, config, json);
}
