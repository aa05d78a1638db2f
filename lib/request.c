/* SPDX-License-Identifier: MIT */
#include "lib/request.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/wire.h"

enum {
	ERRNO_MAX = 4095,
};

int refuse(struct zcrx *z, int error, const char *format, ...)
{
	va_list args;
	errno = -error;
	va_start(args, format);
	vsnprintf(z->error, sizeof(z->error), format, args);
	va_end(args);
	text_clean(z->error, ""); /* the daemon chose some of the text, and the caller prints it */
	return error;
}

void connection_end(struct zcrx *z)
{
	if (z->sock < 0)
		return;
	shutdown(z->sock, SHUT_RDWR);
	close(z->sock);
	z->sock = -1;
}

int request_over(struct zcrx *z, int error, const char *text)
{
	connection_end(z);
	return refuse(z, error, "%s", text);
}

/*
 * Waits until the socket is readable. Returns 1, 0 when the time is up, or a negative errno. The
 * other descriptor may be readable all the time, and then poll(2) does not tell that time is up.
 */
static int readable_wait(int sock, int ms, const struct request *r)
{
	struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
			       {.fd = r->meanwhile ? r->also : -1, .events = POLLIN}};
	int64_t until = clock_until(ms);
	for (;;) {
		int n = poll(fds, 2, clock_left(until));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 || (n > 0 && fds[0].revents))
			return n > 0;
		if (n > 0 && r->meanwhile && !r->meanwhile(r->data))
			fds[1].fd = -1;
		if (clock_left(until) == 0)
			return 0;
	}
}

static int refused(struct zcrx *z, const struct msg_fail *fail)
{
	if (fail->hdr.error < -ERRNO_MAX)
		return request_over(z, -EPROTO, "zcrxd refused with an impossible error.");
	const char *text = fail->text[0] ? fail->text : reason_text(fail->reason);
	return refuse(z, fail->hdr.error, "%.*s", (int)sizeof(fail->text), text);
}

/* How many descriptors must come with this reply. */
static uint32_t reply_fds(const struct request *r)
{
	bool aside = r->m.hdr.type == MSG_QUEUE_OPEN && r->m.queue_open_reply.rings.side_map_bytes;
	return r->m.hdr.error ? 0 : r->nfds + aside;
}

/*
 * Gives back what the daemon granted, after the reply's descriptors were lost because this process
 * can have no more. A flow is only marked as missed: flow_ask() gives it back.
 */
static int reply_undo(struct zcrx *z, struct request *r)
{
	struct request undo = {.fd = -1, .extra_ms = r->extra_ms};
	switch (r->m.hdr.type) {
	case MSG_AREA_ADD:
		undo.m.area_del = (struct msg_area_del){.hdr = REQUEST_HDR(area_del, AREA_DEL),
							.area_id = r->m.area_add_reply.area_id};
		break;
	case MSG_QUEUE_OPEN:
		undo.m.queue_close =
			(struct msg_queue_close){.hdr = REQUEST_HDR(queue_close, QUEUE_CLOSE),
						 .queue_id = r->m.queue_open_reply.queue_id};
		break;
	default:
		r->missed = true;
		return refuse(z, -EMFILE, NO_MORE_FDS);
	}
	request(z, &undo);
	return refuse(z, -EMFILE, NO_MORE_FDS);
}

/* Receives the reply to the request of this type and serial, and checks it. */
static int reply_recv(struct zcrx *z, struct request *r, uint16_t type, uint32_t serial)
{
	uint32_t nfds = 0;
	int ready = readable_wait(z->sock, REQUEST_MS + r->extra_ms, r);
	if (ready == 0)
		return request_over(z, -ETIMEDOUT, "zcrxd did not answer in time; connect again.");
	int len = ready < 0 ? ready : wire_recv(z->sock, &r->m, r->fds, &nfds, MSG_DONTWAIT);
	if (len == 0 || len == -ECONNRESET)
		return request_over(z, -ECONNRESET, "zcrxd ended the connection.");
	bool missed = len == -EMFILE;
	if (missed) {
		len = (int)r->m.hdr.size;
		nfds = r->m.hdr.nfds;
	}
	if (len < 0 || msg_check_reply(&r->m, (uint32_t)len, nfds, type, serial) ||
	    nfds != reply_fds(r)) {
		nfds = missed ? 0 : nfds;
		wire_close(r->fds, nfds);
		return request_over(
			z, -EPROTO,
			"zcrxd sent a malformed reply; do its version and libzcrx's fit?");
	}
	if (missed)
		return reply_undo(z, r);
	return r->m.hdr.error ? refused(z, &r->m.fail) : 0;
}

/* The caller takes what such a request names for gone, whatever becomes of the request. */
static bool is_end(uint16_t type)
{
	return type == MSG_AREA_DEL || type == MSG_QUEUE_CLOSE || type == MSG_FLOW_CLOSE;
}

int request(struct zcrx *z, struct request *r)
{
	int error;
	if (z->sock < 0)
		return refuse(z, -ENOTCONN, "The connection to zcrxd is over; connect again.");
	uint16_t type = r->m.hdr.type;
	z->serial = z->serial == UINT32_MAX ? 1 : z->serial + 1;
	r->m.hdr.serial = z->serial;
	r->m.hdr.nfds = r->fd >= 0;
	do
		error = wire_send(z->sock, &r->m.hdr, &r->fd, 0);
	while (error == -EINTR);
	/* A daemon that hung up may have said why before: it refuses some before HELLO came. */
	bool ended = error == -EPIPE || error == -ECONNRESET;
	if (error && !ended && is_end(type))
		return request_over(z, error, "No request could be sent; connect again.");
	if (error && !ended)
		return refuse(z, error, "The request could not be sent: %m.");
	return reply_recv(z, r, type, z->serial);
}
