// SPDX-License-Identifier: MIT
/*
 * A client's report: whatever stands in its memory, the status is a JSON document that shows no
 * more than the client may have. The input says what the client may have, then what is written to
 * the memory: good records, or single words.
 */
#include <json-c/json.h>

#include "daemon/broker/snapshot.h"
#include "daemon/broker/status_text.h"
#include "daemon/grant/classes.h"
#include "proto/text.h"
#include "tests/fuzz/fuzz.h"

#define OPS_MAX 256

enum op {
	OP_HEAD,  /* word, value */
	OP_NAME,  /* 32 bytes */
	OP_QUEUE, /* index, word, value */
	OP_GOOD_QUEUE,
	OP_FLOW, /* index, word, value */
	OP_GOOD_FLOW,
	OP_TEXT, /* index, word, value */
	OP_GOOD_TEXT,
	OP_COUNT
};

static struct report_memory *memory_of(struct report *r)
{
	const struct report_memory *m = report_memory(r);
	struct report_memory *writable;
	memcpy(&writable, &m, sizeof(m));
	return writable;
}

/* Writes a word of what lies there. */
static void word_set(struct input *in, void *at, size_t bytes)
{
	size_t word = input_u16(in) % (bytes / sizeof(uint32_t));
	uint32_t value = input_u32(in);
	memcpy((char *)at + word * sizeof(value), &value, sizeof(value));
}

static void good_queue(struct input *in, struct report *r)
{
	struct report_queue_facts facts = {.id = input_u8(in),
					   .backend = 1 + input_u8(in) % 3u,
					   .n_rxqs = input_u8(in) % (REPORT_RXQS_MAX + 1)};
	struct report_queue *q = report_queue_free(r);
	input_bytes(in, facts.why_not, input_u8(in) % sizeof(facts.why_not));
	if (q)
		report_queue_set(r, q, &facts);
}

static void good_flow(struct input *in, struct report *r)
{
	uint32_t index = input_u16(in);
	struct report_flow_facts facts = {.id = flow_id_make(1, index),
					  .queue = input_u8(in),
					  .queue_id = input_u8(in),
					  .listener = input_u8(in) % 2,
					  .local = {.family = 4},
					  .remote = {.family = 6}};
	report_flow_set(r, report_flow_free(r, index), &facts);
}

static void good_text(struct input *in, struct report *r)
{
	char text[MSG_TEXT_BYTES] = "";
	input_bytes(in, text, input_u8(in) % sizeof(text));
	report_text(r, text);
}

static void step(struct input *in, struct report *r)
{
	struct report_memory *m = memory_of(r);
	struct report_client_facts client = {0};
	switch ((enum op)(input_u8(in) % OP_COUNT)) {
	case OP_HEAD:
		word_set(in, m, offsetof(struct report_memory, queues));
		break;
	case OP_NAME:
		input_bytes(in, client.name, sizeof(client.name));
		report_client(r, &client);
		break;
	case OP_QUEUE:
		word_set(in, &m->queues[input_u8(in)], sizeof(m->queues[0]));
		break;
	case OP_GOOD_QUEUE:
		/* It looks for a free record as far as the memory says. */
		if (m->n_queues <= REPORT_QUEUES_MAX)
			good_queue(in, r);
		break;
	case OP_FLOW:
		word_set(in, &m->flows[input_u16(in)], sizeof(m->flows[0]));
		break;
	case OP_GOOD_FLOW:
		good_flow(in, r);
		break;
	case OP_TEXT:
		word_set(in, &m->texts[input_u8(in) % REPORT_TEXTS_MAX], sizeof(m->texts[0]));
		break;
	case OP_GOOD_TEXT:
		if (m->n_texts <= REPORT_TEXTS_MAX)
			good_text(in, r);
		break;
	case OP_COUNT:
		break;
	}
}

/* No text in it is more than text. */
static void is_clean(struct json_object *o)
{
	if (json_object_is_type(o, json_type_string)) {
		MUST(strlen(json_object_get_string(o)) == (size_t)json_object_get_string_len(o));
		MUST(text_is_clean(json_object_get_string(o)));
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			is_clean(json_object_array_get_idx(o, i));
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value) if (strcmp(key, "explanation") != 0)
			is_clean(value);
	}
}

static void document_check(const struct snapshot *s, const struct snapshot_who *who)
{
	size_t bytes, n_flows = 0;
	char *text = status_text(s, &bytes);
	MUST(text && strlen(text) == bytes);
	struct json_object *o = json_tokener_parse(text), *clients, *client, *name, *queues, *flows;
	MUST(o && json_object_object_get_ex(o, "clients", &clients));
	MUST(json_object_array_length(clients) == 1);
	is_clean(o);
	client = json_object_array_get_idx(clients, 0);
	MUST(json_object_object_get_ex(client, "name", &name));
	MUST((size_t)json_object_get_string_len(name) < sizeof(s->clients[0].facts.name));
	MUST(json_object_object_get_ex(client, "queues", &queues));
	MUST(json_object_array_length(queues) <= who->max_queues);
	for (size_t i = 0; i < json_object_array_length(queues); i++) {
		struct json_object *q = json_object_array_get_idx(queues, i);
		MUST(json_object_object_get_ex(q, "flows", &flows));
		n_flows += json_object_array_length(flows);
	}
	MUST(n_flows <= who->max_flows);
	json_object_put(o);
	free(text);
}

static void prepare(void)
{
	static bool prepared;
	struct policy policy;
	if (prepared)
		return;
	prepared = true;
	MUST(policy_init(&policy) == 0);
	MUST(classes_set(&policy) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct report *report;
	struct snapshot snapshot = {0};
	prepare();
	struct snapshot_who who = {.id = 1,
				   .max_queues = input_u8(&in),
				   .max_flows = input_u8(&in)};
	MUST(report_new(&report) == 0);
	for (int n = 0; n < OPS_MAX && in.left > 0; n++)
		step(&in, report);
	MUST(snapshot_add(&snapshot, &who, report) == 0);
	MUST(snapshot_read(&snapshot) == 0);
	document_check(&snapshot, &who);
	snapshot_done(&snapshot);
	report_put(report);
	return 0;
}
