/* SPDX-License-Identifier: MIT */
/*
 * The diagnosis as one JSON document. Keys and the words in quotes are stable; more may be added.
 *
 *	{
 *	  "kernel": "6.17.4",
 *	  "level": "ready" | "copy" | "broken",      overall; the exit status is 0, 1, 2
 *	  "machine": REPORT,
 *	  "nics": [ REPORT, ... ]                    in the order asked for
 *	}
 *
 *	REPORT: {
 *	  "name": "eth0",                            not in "machine"
 *	  "level": as above,
 *	  "summary": "eth0: ready for zero copy.",
 *	  "findings": [ {
 *	    "subject": "header split",               a stable name, see below
 *	    "value": "off",                          the fact, "" if the text says it all
 *	    "verdict": "ok" | "FIX" | "NO" | "hint" | "note" | "later",
 *	    "text": "zcrxd turns it on",             for people, changes freely
 *	    "action": "sysctl ..." | null            what to do; set with FIX, NO, hint
 *	  }, ... ]
 *	}
 *
 * Subjects of the machine: kernel, config, io_uring, zcrx, hole in zcrx, zcrx-pump, zcrx-hand,
 * Landlock, ring restrictions, SO_PASSRIGHTS, pidfd_getfd, Yama, memlock, open files,
 * inotify watches, epoll watches, tcp_rmem, udmabuf. Subjects of a NIC: driver, remark,
 * link, member of, below, header split, hds-thresh, ntuple, RSS, channels, MTU, XDP, old bindings,
 * large buffers, disturbance, queues ("value" is "3" or "0-7"; comes several times).
 */
#include "tools/doctor/render.h"

#include <errno.h>
#include <json-c/json.h>

/* Adds `value` to `object`, or frees it. A NULL value here is an allocation that failed. */
static int add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && !json_object_object_add(object, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_string(struct json_object *object, const char *key, const char *value)
{
	return add(object, key, json_object_new_string(value));
}

static struct json_object *finding_json(const struct finding *f)
{
	struct json_object *o = json_object_new_object();
	int r = -ENOMEM;

	if (o && !add_string(o, "subject", f->subject) && !add_string(o, "value", f->value) &&
	    !add_string(o, "verdict", verdict_name(f->verdict)) &&
	    !add_string(o, "text", f->text)) {
		if (f->action[0])
			r = add_string(o, "action", f->action);
		else
			r = json_object_object_add(o, "action", NULL);
	}
	if (r) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static struct json_object *findings_json(const struct report *report)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; list && i < report->n; i++) {
		struct json_object *f = finding_json(&report->findings[i]);

		if (!f || json_object_array_add(list, f)) {
			json_object_put(f);
			json_object_put(list);
			return NULL;
		}
	}
	return list;
}

static struct json_object *report_json(const struct report *report)
{
	struct json_object *o = json_object_new_object();

	if (o && (!report->name[0] || !add_string(o, "name", report->name)) &&
	    !add_string(o, "level", level_name(report->level)) &&
	    !add_string(o, "summary", report->summary) &&
	    !add(o, "findings", findings_json(report)))
		return o;
	json_object_put(o);
	return NULL;
}

static struct json_object *nics_json(const struct diagnosis *d)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; list && i < d->n_nics; i++) {
		struct json_object *nic = report_json(&d->nics[i]);

		if (!nic || json_object_array_add(list, nic)) {
			json_object_put(nic);
			json_object_put(list);
			return NULL;
		}
	}
	return list;
}

int render_json(const struct diagnosis *d, FILE *out)
{
	struct json_object *o = json_object_new_object();
	const char *text = NULL;
	int r = -ENOMEM;

	if (o && !add_string(o, "kernel", d->release) &&
	    !add_string(o, "level", level_name(d->level)) &&
	    !add(o, "machine", report_json(&d->machine)) && !add(o, "nics", nics_json(d)))
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_SPACED |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text) {
		fprintf(out, "%s\n", text);
		r = 0;
	}
	json_object_put(o);
	return r;
}
