/* SPDX-License-Identifier: MIT */
/* The list of findings. */
#include "tools/doctor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void report_add(struct report *report, const char *subject, const char *value, enum verdict verdict,
		const char *text, ...)
{
	struct finding *findings, *f;
	va_list ap;

	findings = reallocarray(report->findings, report->n + 1, sizeof(*findings));
	if (!findings) {
		report->no_memory = true;
		return;
	}
	report->findings = findings;
	f = &findings[report->n++];
	*f = (struct finding){.subject = subject, .verdict = verdict};
	snprintf(f->value, sizeof(f->value), "%s", value ? value : "");
	va_start(ap, text);
	vsnprintf(f->text, sizeof(f->text), text, ap);
	va_end(ap);
}

void report_action(struct report *report, const char *action, ...)
{
	struct finding *f;
	va_list ap;

	if (!report->n)
		return;
	f = &report->findings[report->n - 1];
	va_start(ap, action);
	vsnprintf(f->action, sizeof(f->action), action, ap);
	va_end(ap);
}

void report_limit(struct report *report, enum level level)
{
	if (level > report->level)
		report->level = level;
}

unsigned report_count(const struct report *report, enum verdict verdict)
{
	unsigned n = 0;

	for (unsigned i = 0; i < report->n; i++)
		n += report->findings[i].verdict == verdict;
	return n;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_OK] = "ok",     [VERDICT_FIX] = "FIX",   [VERDICT_NO] = "NO",
		[VERDICT_HINT] = "hint", [VERDICT_NOTE] = "note", [VERDICT_LATER] = "later",
	};

	return names[verdict];
}

const char *level_name(enum level level)
{
	static const char *const names[] = {
		[LEVEL_READY] = "ready",
		[LEVEL_COPY] = "copy",
		[LEVEL_BROKEN] = "broken",
	};

	return names[level];
}

void diagnosis_done(struct diagnosis *d)
{
	for (unsigned i = 0; i < d->n_nics; i++)
		free(d->nics[i].findings);
	free(d->nics);
	free(d->machine.findings);
	*d = (struct diagnosis){0};
}
