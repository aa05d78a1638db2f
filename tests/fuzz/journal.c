// SPDX-License-Identifier: MIT
/*
 * A NIC's journal: arbitrary text is either refused with a sentence, or taken, and then all numbers
 * are within their bounds and it is printed as a text that means the same. The input is the text.
 */
#include <errno.h>

#include "nic/before.h"
#include "nic/change.h"
#include "tests/fuzz/fuzz.h"

static void bounds(const struct nic_before *b)
{
	MUST(b->split >= NIC_SPLIT_AUTO && b->split <= NIC_SPLIT_ON);
	MUST(b->card.ifindex > 0 && b->card.ifindex <= INT32_MAX);
	MUST((b->rss != NULL) == (b->rss_entries > 0) && b->rss_entries <= 65536);
	for (uint32_t i = 0; i < b->rss_entries; i++)
		MUST(b->rss[i] < NIC_QUEUES_MAX);
	MUST(b->queues.n > 0 && b->queues.n <= NIC_QUEUES_MAX);
	for (uint32_t i = 0; i < b->queues.n; i++)
		MUST(b->queues.ids[i] < NIC_QUEUES_MAX);
	for (uint32_t i = 0; i < b->n_rules; i++)
		MUST(b->rules[i].local_port > 0 && nic_queues_have(&b->queues, b->rules[i].queue));
}

/* Prints the NIC's settings and the notes of rules as a journal has them. */
static char *printed(const struct nic_before *b, size_t *ret_bytes)
{
	char *text = nic_before_print(b), *all;
	MUST(text);
	size_t bytes = strlen(text);
	all = realloc(text, bytes + (size_t)b->n_rules * RULE_LINE_BYTES);
	MUST(all);
	for (uint32_t i = 0; i < b->n_rules; i++, bytes += RULE_LINE_BYTES)
		rule_line_print(all + bytes, &b->rules[i]);
	*ret_bytes = bytes;
	return all;
}

static void goes_round(const struct nic_before *b)
{
	struct nic_before other = {0};
	char why[FIELDS_WHY_BYTES] = "";
	size_t bytes, bytes_again;
	char *text = printed(b, &bytes), *again;
	MUST(nic_before_parse(&other, text, bytes, why) == 0);
	again = printed(&other, &bytes_again);
	MUST(bytes == bytes_again && memcmp(text, again, bytes) == 0);
	MUST(nic_card_same(&b->card, &other.card));
	nic_before_done(&other);
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[FIELDS_WHY_BYTES] = "";
	struct nic_before b = {.name = "eth0"};
	int r = nic_before_parse(&b, (const char *)data, size, why);
	MUST(r == 0 || r == -EBADMSG);
	MUST((r == 0) == !*why);
	MUST(strcmp(b.name, "eth0") == 0);
	if (r == 0) {
		bounds(&b);
		goes_round(&b);
		nic_before_done(&b);
	}
	return 0;
}
