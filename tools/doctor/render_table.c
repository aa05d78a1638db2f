/* SPDX-License-Identifier: MIT */
/*
 * The table: subject, value, verdict, text and, after an arrow, what to do. A NIC's first row bears
 * its name; the rows below are indented. The last lines sum up.
 */
#include "tools/doctor/render.h"

#include <string.h>

struct widths {
	int subject, value;
};

static void widths_grow(struct widths *w, const struct report *r)
{
	int indent = r->name[0] ? 2 : 0;

	for (unsigned i = 0; i < r->n; i++) {
		int subject = indent + (int)strlen(r->findings[i].subject);
		int value = (int)strlen(r->findings[i].value);

		w->subject = subject > w->subject ? subject : w->subject;
		w->value = value > w->value ? value : w->value;
	}
	if ((int)strlen(r->name) > w->subject)
		w->subject = (int)strlen(r->name);
}

static void report_print(const struct report *r, const struct widths *w, FILE *out)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		const char *subject = f->subject;
		int indent = 0;

		if (r->name[0] && !i)
			subject = r->name;
		else if (r->name[0])
			indent = 2;
		fprintf(out, "%*s%-*s  %-*s  %-5s  %s", indent, "", w->subject - indent, subject,
			w->value, f->value, verdict_name(f->verdict), f->text);
		if (f->action[0])
			fprintf(out, " -> %s", f->action);
		fputc('\n', out);
	}
}

void render_table(const struct diagnosis *d, FILE *out)
{
	struct widths w = {0};

	widths_grow(&w, &d->machine);
	for (unsigned i = 0; i < d->n_nics; i++)
		widths_grow(&w, &d->nics[i]);
	report_print(&d->machine, &w, out);
	for (unsigned i = 0; i < d->n_nics; i++)
		report_print(&d->nics[i], &w, out);
	fputs(d->machine.summary, out);
	fputc('\n', out);
	for (unsigned i = 0; i < d->n_nics; i++)
		fprintf(out, "%s\n", d->nics[i].summary);
}
