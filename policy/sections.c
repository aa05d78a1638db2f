/* SPDX-License-Identifier: MIT */
#include "policy/sections.h"

#include <string.h>

#include "base/size.h"
#include "policy/explain.h"

static const struct key socket_keys[] = {
	{"clients", KEY_PATH, offsetof(struct config, clients)},
	{"status", KEY_PATH, offsetof(struct config, status)},
	{"mode", KEY_MODE, offsetof(struct config, mode)},
	{"group", KEY_TEXT, offsetof(struct config, group)},
	{"state", KEY_PATH, offsetof(struct config, state)},
};

static const struct key pumps_keys[] = {
	{"orphan-seconds", KEY_LIFETIME, offsetof(struct config, orphan_seconds)},
};

static const struct key zcrx_keys[] = {
	{"fixed-in-this-kernel", KEY_HOLES, offsetof(struct config, fixed_holes)},
};

static const struct key nic_keys[] = {
	{"queues", KEY_QUEUES, offsetof(struct config_nic, queues)},
	{"linger-seconds", KEY_SECONDS, offsetof(struct config_nic, linger_seconds)},
};

#define CLASS_KEY(name, type, member)                             \
	{                                                         \
		name, type, offsetof(struct policy_class, member) \
	}

/*
 * The keys that say who belongs to a class come first: so many about its socket, so many about
 * users.
 */
enum {
	KEYS_OF_SOCKET = 3,
	KEYS_OF_MATCH = 2
};

static const struct key class_keys[] = {
	CLASS_KEY("socket", KEY_TEXT, socket),
	CLASS_KEY("mode", KEY_MODE, mode),
	CLASS_KEY("group", KEY_TEXT, group),
	CLASS_KEY("users", KEY_USERS, users),
	CLASS_KEY("groups", KEY_GROUPS, groups),
	CLASS_KEY("backends", KEY_BACKENDS, backends),
	CLASS_KEY("nics", KEY_NICS, nics),
	CLASS_KEY("local", KEY_ADDRESSES, local),
	CLASS_KEY("remote", KEY_ADDRESSES, remote),
	CLASS_KEY("host-flows", KEY_HOST, host),
	CLASS_KEY("udmabuf", KEY_FLAG, udmabuf),
#define X(kind, key, type, ...) CLASS_KEY(key, KEY_##type, limits.most[ACCOUNT_##kind]),
	LIMITS_TABLE(X)
#undef X
		CLASS_KEY("requests-per-second", KEY_POSITIVE, limits.requests_per_second),
	CLASS_KEY("connections-per-second", KEY_POSITIVE, limits.connections_per_second),
	CLASS_KEY("leases-per-minute", KEY_POSITIVE, limits.leases_per_minute),
	CLASS_KEY("most-users", KEY_POSITIVE, limits.most_users),
};

const struct section section_sockets = {"sockets", socket_keys, ARRAY_LENGTH(socket_keys)};
const struct section section_pumps = {"pumps", pumps_keys, ARRAY_LENGTH(pumps_keys)};
const struct section section_zcrx = {"zcrx", zcrx_keys, ARRAY_LENGTH(zcrx_keys)};
const struct section section_nic = {SECTION_NIC "NAME", nic_keys, ARRAY_LENGTH(nic_keys)};
const struct section section_class = {SECTION_CLASS "NAME", class_keys, ARRAY_LENGTH(class_keys)};

static void keys_print(const struct key *keys, size_t n, const void *object, FILE *out)
{
	for (size_t i = 0; i < n; i++)
		key_print(&keys[i], object, out);
}

/* Prints a class, of the first keys only those that apply to it. */
static void class_print(const struct policy_class *c, FILE *out)
{
	bool matches = !c->socket && strcmp(c->name, POLICY_DEFAULT) != 0;
	fprintf(out, "\n[%s%s]\n", SECTION_CLASS, c->name);
	explain_class(c, "; ", out);
	if (c->socket)
		keys_print(class_keys, KEYS_OF_SOCKET, c, out);
	if (matches)
		keys_print(class_keys + KEYS_OF_SOCKET, KEYS_OF_MATCH, c, out);
	size_t who = KEYS_OF_SOCKET + KEYS_OF_MATCH;
	keys_print(class_keys + who, ARRAY_LENGTH(class_keys) - who, c, out);
}

void config_print(const struct config *c, FILE *out)
{
	fprintf(out, "[%s]\n", section_sockets.name);
	keys_print(socket_keys, ARRAY_LENGTH(socket_keys), c, out);
	fprintf(out, "\n[%s]\n", section_pumps.name);
	keys_print(pumps_keys, ARRAY_LENGTH(pumps_keys), c, out);
	fprintf(out, "\n[%s]\n", section_zcrx.name);
	keys_print(zcrx_keys, ARRAY_LENGTH(zcrx_keys), c, out);
	for (const struct config_nic *nic = c->nics; nic; nic = nic->next) {
		fprintf(out, "\n[" SECTION_NIC "%s]\n", nic->name);
		keys_print(nic_keys, ARRAY_LENGTH(nic_keys), nic, out);
	}
	for (const struct policy_class *class = c->policy.classes; class; class = class->next)
		class_print(class, out);
}
