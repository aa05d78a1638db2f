/* SPDX-License-Identifier: MIT */
/*
 * Requests and their answers. The kernel's errno is taken from the message itself: libnl folds many
 * of them into one, and the bind-rx probe lives by the difference between EBADF and EOPNOTSUPP.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <string.h>

#include "nic/netlink.h"
#include "nic/netlink_socket.h"

struct exchange {
	const struct netlink_request *request;
	void (*link_reply)(void *arg, const struct ifinfomsg *info, struct attrs attrs);
	void *link_arg;
	/* size of the header of rtnetlink's messages; 0: they are generic netlink's */
	int rt_header_bytes;
	bool done;
	int err;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;
	struct nlmsghdr *hdr = nlmsg_hdr(msg);

	if (x->link_reply) {
		const struct ifinfomsg *info = nlmsg_data(hdr);

		if (hdr->nlmsg_type != RTM_NEWLINK || !nlmsg_valid_hdr(hdr, sizeof(*info)))
			return NL_SKIP;
		x->link_reply(x->link_arg, info,
			      (struct attrs){nlmsg_attrdata(hdr, sizeof(*info)),
					     nlmsg_attrlen(hdr, sizeof(*info))});
	} else if (x->rt_header_bytes) {
		if (x->request->reply && nlmsg_valid_hdr(hdr, x->rt_header_bytes))
			x->request->reply(x->request->arg,
					  (struct attrs){nlmsg_attrdata(hdr, x->rt_header_bytes),
							 nlmsg_attrlen(hdr, x->rt_header_bytes)});
	} else if (x->request->reply && genlmsg_valid_hdr(hdr, 0)) {
		struct genlmsghdr *genl = nlmsg_data(hdr);

		x->request->reply(x->request->arg, (struct attrs){genlmsg_attrdata(genl, 0),
								  genlmsg_attrlen(genl, 0)});
	}
	return NL_OK;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	(void)msg;
	x->done = true;
	return NL_STOP;
}

/*
 * Takes the last message of a dump, which has the errno of a dump that failed. libnl takes it for
 * success.
 */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	int err = 0;

	if ((size_t)nlmsg_datalen(hdr) >= sizeof(err))
		memcpy(&err, nlmsg_data(hdr), sizeof(err));
	if (err < 0)
		x->err = err;
	x->done = true;
	return NL_STOP;
}

/*
 * Keeps the kernel's sentence on why it refused. It follows the kernel's copy of the request, of
 * which there may be the header only.
 */
static void why_take(const struct nlmsghdr *hdr, const struct nlmsgerr *err,
		     const struct netlink_request *request)
{
	size_t skip = sizeof(*err), len = nlmsg_datalen(hdr);

	if (!request || !request->why_bytes || !(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len - NLMSG_HDRLEN);
	if (skip < len)
		attrs_string((struct attrs){(const char *)err + skip, (int)(len - skip)},
			     NLMSGERR_ATTR_MSG, request->why, request->why_bytes);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct exchange *x = arg;

	(void)from;
	why_take((const void *)((const char *)err - NLMSG_HDRLEN), err, x->request);
	x->err = err->error;
	x->done = true;
	return NL_STOP;
}

static int exchange(struct netlink *nl, struct nl_msg *msg, struct exchange *x)
{
	struct nl_cb *cb;
	int r;

	cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, x);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
	r = nl_send_auto(nl->sock, msg);
	while (r >= 0 && !x->done) {
		r = nl_recvmsgs(nl->sock, cb);
		/* The table changed while it was dumped. What was read is still good enough. */
		if (r == -NLE_DUMP_INTR)
			r = 0;
	}
	nl_cb_put(cb);
	if (x->err)
		return x->err;
	return r < 0 ? netlink_errno(r) : 0;
}

/*
 * Does the nest that begins at `first` end before i? It goes on as long as attributes have the same
 * nest and none is of the type that the nest began with.
 */
static bool nest_ends(const struct netlink_put *puts, unsigned n, unsigned first, unsigned i)
{
	return i == n || puts[i].nest != puts[first].nest || puts[i].type == puts[first].type;
}

static int put_all(struct nl_msg *msg, const struct netlink_put *puts, unsigned n)
{
	struct nlattr *nest = NULL;
	unsigned first = 0;
	int r = 0;

	for (unsigned i = 0; i < n && r >= 0; i++) {
		if (puts[i].nest && !nest) {
			first = i;
			nest = nla_nest_start(msg, puts[i].nest);
			if (!nest)
				return -ENOMEM;
		}
		if (puts[i].bytes == 1)
			r = nla_put_u8(msg, puts[i].type, (uint8_t)puts[i].value);
		else
			r = nla_put_u32(msg, puts[i].type, puts[i].value);
		if (nest && nest_ends(puts, n, first, i + 1)) {
			nla_nest_end(msg, nest);
			nest = NULL;
		}
	}
	return r < 0 ? -ENOMEM : 0;
}

int netlink_ask(struct netlink *nl, const struct netlink_request *request)
{
	struct exchange x = {.request = request};
	struct nl_msg *msg;
	int r = -ENOMEM;

	if (request->why_bytes)
		request->why[0] = '\0';
	msg = nlmsg_alloc();
	if (!msg)
		return -ENOMEM;
	if (genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0,
			request->dump ? NLM_F_DUMP : 0, request->cmd, 1))
		r = put_all(msg, request->puts, request->n_puts);
	if (!r)
		r = exchange(nl, msg, &x);
	nlmsg_free(msg);
	return r;
}

int netlink_ask_links(struct netlink *nl,
		      void (*reply)(void *arg, const struct ifinfomsg *info, struct attrs attrs),
		      void *arg)
{
	struct exchange x = {.link_reply = reply, .link_arg = arg};
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg;
	int r = -ENOMEM;

	msg = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_DUMP);
	if (!msg)
		return -ENOMEM;
	if (nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) >= 0)
		r = exchange(nl, msg, &x);
	nlmsg_free(msg);
	return r;
}

int netlink_ask_rt(struct netlink *nl, const struct netlink_request *request, const void *header,
		   size_t header_bytes)
{
	struct exchange x = {.request = request, .rt_header_bytes = (int)header_bytes};
	struct nl_msg *msg;
	int r = -ENOMEM;

	msg = nlmsg_alloc_simple(request->cmd, request->dump ? NLM_F_DUMP : 0);
	if (!msg)
		return -ENOMEM;
	if (nlmsg_append(msg, (void *)(uintptr_t)header, header_bytes, NLMSG_ALIGNTO) >= 0)
		r = put_all(msg, request->puts, request->n_puts);
	if (!r && request->more.data)
		r = nla_put(msg, request->more.type, request->more.bytes, request->more.data)
			    ? -ENOMEM
			    : 0;
	if (!r)
		r = exchange(nl, msg, &x);
	nlmsg_free(msg);
	return r;
}
