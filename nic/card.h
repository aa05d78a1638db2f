/* SPDX-License-Identifier: MIT */
/*
 * Which card an interface is. A name can pass to another one: udev renames, a card is swapped, a
 * driver is loaded anew.
 */
#ifndef ZCRX_NIC_CARD_H
#define ZCRX_NIC_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nic_card {
	uint32_t ifindex;
	char bus_device[32]; /* e.g. "0000:17:00.0"; empty: no hardware behind it */
	char address[96];    /* "02:..": the permanent one, else today's; empty: none */
};

/* Returns 0, -ENODEV if no interface has the name, or another negative errno. */
int nic_card_get(struct nic_card *ret, const char *nic);

/*
 * The same card? It has the same device, and either the same address, whatever index it has now
 * (that changes when it goes to another network namespace and returns), or the same index, whatever
 * address somebody gave it. What has no device is known by its address, without one by its index.
 */
bool nic_card_same(const struct nic_card *a, const struct nic_card *b);

/* In words. */
void nic_card_say(const struct nic_card *card, char *buf, size_t size);

#endif
