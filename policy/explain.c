/* SPDX-License-Identifier: MIT */
#include "policy/explain.h"

#include <inttypes.h>
#include <string.h>

#include "policy/lists.h"

static void ids(const char *what, const struct policy_ids *list, const char *between, FILE *out)
{
	if (list->n == 0)
		return;
	fprintf(out, "%s%s ", between, what);
	list_ids_print(list, ", ", out);
}

void explain_who(const struct policy_class *c, FILE *out)
{
	if (c->socket) {
		fprintf(out, "whoever connects to %s", c->socket);
	} else if (strcmp(c->name, POLICY_DEFAULT) == 0) {
		fputs("who is of no other class", out);
	} else {
		ids("uid", &c->users, "", out);
		ids("gid", &c->groups, c->users.n ? ", or " : "", out);
	}
}

static void backends(const struct policy_class *c, const char *start, FILE *out)
{
	char names[128];
	backend_names(c->backends & BACKENDS_LEASED, ", ", names, sizeof(names));
	fprintf(out, "%sIt may %sreceive by copy.\n", start,
		c->backends & BACKEND_BIT_COPY ? "" : "not ");
	if (c->nics.n == 0 || !*names) {
		fprintf(out, "%sIt may not lease hardware queues.\n", start);
		return;
	}
	fprintf(out, "%sIt may receive without a copy (%s) on hardware queues of ", start, names);
	list_nics_print(&c->nics, out);
	fprintf(out, ".\n%sEach user may lease up to %" PRIu64 " times a minute.\n", start,
		c->limits.leases_per_minute);
}

static void addresses(const struct policy_class *c, FILE *out)
{
	fputs(c->local.n ? "local " : "local none", out);
	list_addresses_print(&c->local, out);
	fputs(c->remote.n ? ", remote " : ", remote none", out);
	list_addresses_print(&c->remote, out);
}

static void flows(const struct policy_class *c, const char *start, FILE *out)
{
	if (c->nics.n) {
		fprintf(out, "%sPackets are steered there for ", start);
		addresses(c, out);
		fputs("; others are copied.\n", out);
	}
	switch (c->host) {
	case POLICY_HOST_NO:
		fprintf(out, "%sIt gets no sockets of zcrxd's network namespace.\n", start);
		break;
	case POLICY_HOST_RECEIVE_ONLY:
		fprintf(out, "%sIt may receive from sockets of zcrxd's network namespace: ", start);
		addresses(c, out);
		fputs(".\n", out);
		break;
	case POLICY_HOST_YES:
		fprintf(out, "%sIt gets sockets of zcrxd's network namespace: all of TCP there.\n",
			start);
		break;
	}
}

static void amount(uint64_t n, const char *what, const char *end, FILE *out)
{
	fprintf(out, "%" PRIu64 " %s%s%s", n, what, n == 1 ? "" : "s", end);
}

void explain_class(const struct policy_class *c, const char *start, FILE *out)
{
	const uint64_t *most = c->limits.most;
	fprintf(out, "%sMembers: ", start);
	explain_who(c, out);
	fputs(".\n", out);
	backends(c, start, out);
	flows(c, start, out);
	fprintf(out, "%sEach user: ", start);
	amount(most[ACCOUNT_SESSIONS], "connection", ", ", out);
	amount(most[ACCOUNT_QUEUES], "queue", ", ", out);
	amount(most[ACCOUNT_AREAS], "area", ", ", out);
	amount(most[ACCOUNT_FLOWS], "flow", "", out);
	fprintf(out, " of which %" PRIu64 " listen, %" PRIu64 " MiB.\n", most[ACCOUNT_LISTENERS],
		most[ACCOUNT_BYTES] >> 20);
	fprintf(out, "%sAt most ", start);
	amount(c->limits.most_users, "user", " at once.\n", out);
}
