/* SPDX-License-Identifier: MIT */
/*
 * Which network card an interface is. The name of an interface can pass to another card: udev
 * renames it, a card is swapped, a driver is loaded anew.
 */
#ifndef ZCRX_NIC_CARD_H
#define ZCRX_NIC_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nic_card {
	uint32_t ifindex;
	char bus_device[32]; /* e.g. "0000:17:00.0"; empty: no hardware behind it */
	char address[96]; /* "02:..", the permanent address or else the present one; empty: none */
};

/* Returns 0, -ENODEV if no interface has the name, or another negative errno. */
int nic_card_get(struct nic_card *ret, const char *nic);

/*
 * Are both the same card? They have the same device, and the same address or the same index. The
 * index changes when a card goes to another network namespace and returns; the address, when
 * somebody sets it. A card without a device is known by its address, or without one by its index.
 */
bool nic_card_same(const struct nic_card *a, const struct nic_card *b);

/* Describes the card in words. */
void nic_card_say(const struct nic_card *card, char *buf, size_t size);

#endif
