/* SPDX-License-Identifier: MIT */
/*
 * Goes through the clients, queues and flows of the new document, and finds each by its id in the
 * old one. What is not in the old document has no rate yet.
 */
#include "tools/ctl/render.h"

#include "tools/ctl/document.h"
#include "tools/ctl/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

struct cell {
	char text[32];
};

/* Prints 1234567 as "1.2 MiB". */
static struct cell size_cell(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double n = (double)bytes;
	struct cell c;
	size_t unit = 0;

	while (n >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1024;
		unit++;
	}
	snprintf(c.text, sizeof(c.text), "%.*f %s", unit ? 1 : 0, n, units[unit]);
	return c;
}

/*
 * A rate from two numbers. old: the object that `then` is of; NULL if there was none, and so no
 * rate.
 */
static struct cell rate_cell(uint64_t now, struct json_object *old, uint64_t then, double seconds)
{
	struct cell c = {"-"};

	if (old && now >= then) {
		c = size_cell((uint64_t)((double)(now - then) / seconds));
		strncat(c.text, "/s", sizeof(c.text) - strlen(c.text) - 1);
	}
	return c;
}

struct sums {
	uint64_t bytes;
	uint64_t copied;
	bool untold; /* the kernel does not tell what it copied */
	size_t flows;
};

static void sums_add(struct sums *s, struct json_object *of)
{
	s->bytes += document_number(of, "bytes");
	s->copied += document_number(of, "bytes_copied");
	s->untold |= !json_object_object_get(of, "bytes_copied");
}

static struct cell zero_copy_cell(const struct sums *s)
{
	struct cell c = {"-"};

	if (s->untold)
		return (struct cell){"?"};
	if (s->bytes > 0)
		snprintf(c.text, sizeof(c.text), "%.1f %%",
			 100 - 100 * (double)s->copied / (double)s->bytes);
	return c;
}

/* A client chooses its name, which must not add cells to the table. */
static struct cell name_cell(const char *name)
{
	struct cell c;

	snprintf(c.text, sizeof(c.text), "%s", name);
	for (char *p = c.text; (p = strchr(p, '\t'));)
		*p = '?';
	return c;
}

static struct sums client_sums(struct json_object *client)
{
	struct json_object *queues = document_array(client, "queues");
	struct sums s = {0};

	for (size_t i = 0; i < document_length(queues); i++) {
		struct json_object *q = document_at(queues, i);

		sums_add(&s, q);
		s.flows += document_length(document_array(q, "flows"));
	}
	return s;
}

static void client_row(struct table *t, struct json_object *client, struct json_object *old,
		       double seconds)
{
	struct sums s = client_sums(client);
	uint64_t cpu_ms = document_number(client, "cpu_ms");

	table_add(t,
		  "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\t%zu\t%zu\t%s\t%s\t%s\t%" PRIu64
		  "\t%" PRIu64 ".%02" PRIu64 " s\t%s\t%" PRIu64,
		  document_number(client, "id"), document_number(client, "pid"),
		  document_number(client, "uid"), name_cell(document_text(client, "name")).text,
		  document_length(document_array(client, "queues")), s.flows,
		  size_cell(s.bytes).text,
		  rate_cell(s.bytes, old, client_sums(old).bytes, seconds).text,
		  zero_copy_cell(&s).text, document_number(client, "pump"), cpu_ms / 1000,
		  cpu_ms / 10 % 100, size_cell(document_number(client, "memory_bytes")).text,
		  document_number(client, "restarts"));
}

static void queue_row(struct table *t, uint64_t client, struct json_object *q,
		      struct json_object *old, double seconds)
{
	struct sums s = {0};

	sums_add(&s, q);
	table_add(t,
		  "%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\t%zu\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64
		  "\t%" PRIu64 "\t%" PRIu64,
		  client, document_number(q, "id"), document_text(q, "backend"),
		  size_cell(document_number(q, "area_bytes")).text,
		  size_cell(document_number(q, "buffer_bytes")).text,
		  document_length(document_array(q, "flows")), size_cell(s.bytes).text,
		  rate_cell(s.bytes, old, document_number(old, "bytes"), seconds).text,
		  zero_copy_cell(&s).text, document_number(q, "completions"),
		  document_number(q, "wakeups"), document_number(q, "enters"),
		  document_number(q, "starvations"));
}

static void flow_rows(struct table *t, uint64_t client, struct json_object *q,
		      struct json_object *old_queue, double seconds)
{
	struct json_object *flows = document_array(q, "flows");
	struct json_object *old_flows = document_array(old_queue, "flows");

	for (size_t i = 0; i < document_length(flows); i++) {
		struct json_object *f = document_at(flows, i);
		struct json_object *old = document_same(old_flows, f);
		struct sums s = {0};

		sums_add(&s, f);
		table_add(t, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\t%s%s\t%s\t%s\t%s",
			  client, document_number(q, "id"), document_number(f, "id"),
			  document_text(f, "kind"), document_text(f, "local"),
			  document_text(f, "remote"), document_text(f, "state"),
			  document_number(f, "paused") ? ", paused" : "", size_cell(s.bytes).text,
			  rate_cell(s.bytes, old, document_number(old, "bytes"), seconds).text,
			  zero_copy_cell(&s).text);
	}
}

static void client_rows(struct table *t, enum render_view view, struct json_object *client,
			struct json_object *old, double seconds)
{
	struct json_object *queues = document_array(client, "queues");
	uint64_t id = document_number(client, "id");

	if (view == RENDER_CLIENTS) {
		client_row(t, client, old, seconds);
		return;
	}
	for (size_t i = 0; i < document_length(queues); i++) {
		struct json_object *q = document_at(queues, i);
		struct json_object *old_q = document_same(document_array(old, "queues"), q);

		if (view == RENDER_QUEUES)
			queue_row(t, id, q, old_q, seconds);
		else
			flow_rows(t, id, q, old_q, seconds);
	}
}

static void headline(FILE *out, struct json_object *now)
{
	uint64_t s = document_number(now, "uptime_s");

	fprintf(out,
		"zcrxd %s, pid %" PRIu64 ", kernel %s, up %" PRIu64 " d %" PRIu64 " h %" PRIu64
		" min %" PRIu64 " s\n",
		document_text(now, "version"), document_number(now, "pid"),
		document_text(now, "kernel"), s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

/* Prints why queues copy. A reason that was just printed is not printed again. */
static void reasons(FILE *out, struct json_object *now)
{
	struct json_object *clients = document_array(now, "clients");
	const char *last = "";

	for (size_t i = 0; i < document_length(clients); i++) {
		struct json_object *queues = document_array(document_at(clients, i), "queues");

		for (size_t j = 0; j < document_length(queues); j++) {
			const char *why = document_text(document_at(queues, j), "why_not");

			if (why[0] == '\0' || strcmp(why, last) == 0)
				continue;
			fprintf(out, "no zero copy: %s\n", why);
			last = why;
		}
	}
}

void render(FILE *out, enum render_view view, struct json_object *now, struct json_object *before,
	    double seconds)
{
	static const char *const heads[] = {
		[RENDER_CLIENTS] =
			"CLIENT\t>PID\t>UID\tNAME\t>QUEUES\t>FLOWS\t>RECEIVED\t>RATE\t>ZERO COPY\t"
			">PUMP\t>CPU\t>MEMORY\t>RESTARTS",
		[RENDER_QUEUES] = "CLIENT\t>QUEUE\tBACKEND\t>AREA\t>BUFFER\t>FLOWS\t>RECEIVED\t"
				  ">RATE\t>ZERO COPY\t>COMPLETIONS\t>WAKE-UPS\t>ENTERS\t>STARVED",
		[RENDER_FLOWS] = "CLIENT\t>QUEUE\t>FLOW\tKIND\tLOCAL\tREMOTE\tSTATE\t>RECEIVED\t"
				 ">RATE\t>ZERO COPY",
	};
	static const char *const nones[] = {[RENDER_CLIENTS] = "no clients",
					    [RENDER_QUEUES] = "no queues",
					    [RENDER_FLOWS] = "no flows"};
	struct json_object *clients = document_array(now, "clients");
	struct json_object *old_clients = document_array(before, "clients");
	struct table *t = table_new(heads[view]);

	for (size_t i = 0; i < document_length(clients); i++) {
		struct json_object *c = document_at(clients, i);

		client_rows(t, view, c, document_same(old_clients, c), seconds);
	}
	if (view == RENDER_CLIENTS)
		headline(out, now);
	table_print(t, nones[view], out);
	if (view == RENDER_QUEUES)
		reasons(out, now);
}

static void use(FILE *out, const char *what, struct json_object *used, const char *key)
{
	fprintf(out, ", %" PRIu64 " %s", document_number(used, key), what);
}

void render_classes(FILE *out, struct json_object *now)
{
	struct json_object *classes = document_array(now, "classes");

	for (size_t i = 0; i < document_length(classes); i++) {
		struct json_object *c = document_at(classes, i), *used = NULL;
		const char *line = document_text(c, "explanation");

		fprintf(out, "%sclass %s\n", i ? "\n" : "", document_text(c, "name"));
		for (size_t n; *line; line += n + (line[n] == '\n')) {
			n = strcspn(line, "\n");
			fprintf(out, "  %.*s\n", (int)n, line);
		}
		json_object_object_get_ex(c, "used", &used);
		fprintf(out, "  Now: %" PRIu64 " users", document_number(used, "users"));
		use(out, "connections", used, "sessions");
		use(out, "queues", used, "queues");
		use(out, "areas", used, "areas");
		use(out, "flows", used, "flows");
		use(out, "of them listening", used, "listeners");
		fprintf(out, ", %s.\n", size_cell(document_number(used, "area_bytes")).text);
	}
}
