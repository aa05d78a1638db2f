/* SPDX-License-Identifier: MIT */
#include "nic/attrs.h"

#include <netlink/attr.h>
#include <string.h>

bool attrs_next(struct attrs *attrs, int *ret_type, struct attrs *ret_payload)
{
	const struct nlattr *a = attrs->data;
	int rest = attrs->len;

	if (!nla_ok(a, rest))
		return false;
	*ret_type = nla_type(a);
	*ret_payload = (struct attrs){nla_data(a), nla_len(a)};
	attrs->data = nla_next(a, &rest);
	attrs->len = rest > 0 ? rest : 0;
	return true;
}

bool attrs_find(struct attrs attrs, int type, struct attrs *ret_payload)
{
	int t;

	while (attrs_next(&attrs, &t, ret_payload))
		if (t == type)
			return true;
	*ret_payload = (struct attrs){0};
	return false;
}

uint64_t attrs_u64(struct attrs attrs, int type)
{
	struct attrs p;
	uint64_t v64 = 0;
	uint32_t v32;
	uint8_t v8;

	if (!attrs_find(attrs, type, &p))
		return 0;
	if (p.len == sizeof(v64)) {
		memcpy(&v64, p.data, sizeof(v64));
	} else if (p.len == sizeof(v32)) {
		memcpy(&v32, p.data, sizeof(v32));
		v64 = v32;
	} else if (p.len == sizeof(v8)) {
		memcpy(&v8, p.data, sizeof(v8));
		v64 = v8;
	}
	return v64;
}

uint32_t attrs_u32(struct attrs attrs, int type)
{
	return (uint32_t)attrs_u64(attrs, type);
}

void attrs_string(struct attrs attrs, int type, char *buf, size_t size)
{
	struct attrs p;
	size_t n;

	buf[0] = '\0';
	if (!attrs_find(attrs, type, &p))
		return;
	n = strnlen(p.data, (size_t)p.len);
	if (n >= size)
		n = size - 1;
	memcpy(buf, p.data, n);
	buf[n] = '\0';
}
