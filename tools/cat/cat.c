/* SPDX-License-Identifier: MIT */
/*
 * zcrx-cat: receives TCP streams through zcrxd and passes them on, straight from the area.
 *
 * The daemon comes first (without it, or when it refuses, nothing is listened on and no file is
 * emptied), then the output, then the network. That the work has ended is kept in `end`. -ETIME,
 * which the user wanted, makes no failure; after -ECANCELED the exit status tells which signal
 * came. Sockets are opened here rather than by the library, so that what the network says and what
 * the daemon says cannot be mistaken.
 */
#include "base/output.h"
#include "tools/cat/net.h"
#include "tools/cat/options.h"
#include "tools/cat/report.h"
#include "tools/cat/say.h"
#include "tools/cat/sink.h"
#include "tools/cat/source.h"
#include "tools/cat/waiter.h"
#include <zcrx.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 64
};

struct cat {
	struct options options;
	struct waiter waiter;
	struct report report;
	struct source source;
	struct sink *sink;
	bool over; /* the stream that is open has ended */
	bool end;  /* nothing more is to be received */
	enum cat_exit status;
	char error[320]; /* the sentence that goes with the exit status */
};

/* Keeps the exit status and the sentence of what went wrong, and prints the sentence. */
__attribute__((format(printf, 3, 4))) static void cat_fail(struct cat *c, enum cat_exit status,
							   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	say("%s", c->error);
	c->status = status;
}

static void cat_interrupted(struct cat *c)
{
	cat_fail(c, CAT_INTERRUPTED, "interrupted by SIG%s", sigabbrev_np(waiter_signal()));
}

static bool cat_open(struct cat *c)
{
	enum cat_exit status = source_open(&c->source, &c->options);
	int r;

	if (status != CAT_OK) {
		cat_fail(c, status, "%s", c->source.error);
		return false;
	}
	r = sink_open(&c->sink, c->options.output, c->options.sha256);
	if (r == -EINTR && waiter_signal())
		cat_interrupted(c);
	else if (r < 0)
		cat_fail(c, CAT_FAILED, "%s: %s", c->options.output, say_error(r));
	return r == 0;
}

/* Ends the work. -t is the end that the user wanted; any other error is a failure. */
static void cat_ended(struct cat *c, const char *what, int error)
{
	c->end = true;
	if (error == -ECANCELED)
		cat_interrupted(c);
	else if (error != -ETIME)
		cat_fail(c, CAT_FAILED, "%s: %s", what, say_error(error));
}

static void cat_data(struct cat *c, const struct zcrx_completion *done)
{
	uint64_t left = c->options.limit_bytes - c->report.bytes;
	size_t bytes = done->len < left ? done->len : (size_t)left;
	int r = 0;

	if (c->end)
		return;
	if (options_read(&c->options))
		r = sink_write(c->sink, &c->waiter,
			       memory_at(&c->source.memory, c->source.queue, done), bytes);
	if (r < 0) {
		cat_ended(c, "writing", r);
		return;
	}
	report_data(&c->report, bytes, done->flags & ZCRX_COPIED);
	if (c->report.bytes == c->options.limit_bytes)
		c->end = true;
}

/* The sentence that zcrxd gave, or what the error of ZCRX_LOST means: zcrx_reap(3). */
static const char *say_lost(const struct zcrx_queue *q, int error)
{
	struct zcrx_queue_info info = {.size = sizeof(info)};

	if (zcrx_queue_info(q, &info) == 0 && info.why_lost && info.why_lost[0])
		return info.why_lost;
	if (error == -ECONNRESET)
		return "the zcrx-pump of this connection ended: zcrxd was stopped, or it was killed";
	return say_error(error);
}

static void cat_handle(struct cat *c, const struct zcrx_completion *done)
{
	switch ((enum zcrx_what)done->what) {
	case ZCRX_DATA:
		cat_data(c, done);
		break;
	case ZCRX_OPEN: /* it does not come, as the queue has no listener */
		break;
	case ZCRX_END:
		c->over = true;
		if (done->error)
			cat_fail(c, CAT_FAILED, "the stream broke off: %s", say_error(done->error));
		break;
	case ZCRX_LOST:
		c->end = true;
		cat_fail(c, CAT_NO_DAEMON, "zcrxd gave the queue up: %s",
			 say_lost(c->source.queue, done->error));
		break;
	}
}

static void cat_batch(struct cat *c, const struct zcrx_completion *done, int n)
{
	int r = options_read(&c->options) ? memory_begin(&c->source.memory, done, n) : 0;

	for (int i = 0; i < n && r == 0; i++)
		cat_handle(c, &done[i]);
	if (r == 0 && options_read(&c->options))
		r = memory_end(&c->source.memory);
	if (r < 0) {
		c->end = true;
		cat_fail(c, CAT_FAILED, "reading the memory: %s", c->source.memory.error);
	}
}

/* Takes the completions that are there. Returns how many, or a negative errno. */
static int cat_take(struct cat *c)
{
	struct zcrx_completion done[BATCH];
	int n = zcrx_reap(c->source.queue, done, BATCH);

	if (n > 0) {
		cat_batch(c, done, n);
		zcrx_recycle(c->source.queue, done, n);
	}
	return n;
}

/* Takes the completions that are there, or waits for some. */
static void cat_step(struct cat *c)
{
	int ms = c->options.verbose ? report_tick(&c->report) : -1;
	int r = cat_take(c);

	if (r > 0)
		r = waiter_check(&c->waiter);
	else if (r == 0)
		r = waiter_poll(&c->waiter, zcrx_queue_fd(c->source.queue), POLLIN, ms);
	if (r < 0 && !c->end && !c->over)
		cat_ended(c, "receiving", r);
}

/* Receives one stream to its end. The socket stays the caller's. */
static void cat_receive(struct cat *c, int sock)
{
	struct zcrx_flow *flow;
	int r = zcrx_flow_adopt(c->source.queue, &flow, sock, 0, NULL);

	/* It is also what the library says when the daemon is gone; the queue is lost then. */
	if (r == -ENOTCONN)
		while (!c->end && cat_take(c) > 0)
			;
	if (r == -ENOTCONN && c->end)
		return;
	if (r == -ENOTCONN) {
		cat_fail(c, CAT_FAILED, "the peer went away at once");
		return;
	}
	if (r < 0) {
		c->end = true;
		cat_fail(c, source_status(r), "the connection: %s", zcrx_error(c->source.zcrx));
		return;
	}
	report_begin(&c->report);
	c->over = false;
	while (!c->end && !c->over)
		cat_step(c);
	report_end(&c->report);
	zcrx_flow_close(flow, 0);
}

static void cat_dial(struct cat *c)
{
	int sock = net_connect(&c->waiter, c->options.host, c->options.port, c->options.verbose);

	if (sock >= 0) {
		cat_receive(c, sock);
		close(sock);
	} else if (sock == -ETIME) {
		cat_fail(c, CAT_FAILED, "no connection within %u s", c->options.limit_s);
	} else if (sock == -ECANCELED) {
		cat_interrupted(c);
	} else {
		cat_fail(c, CAT_FAILED, "no connection to %s port %s", c->options.host,
			 c->options.port);
	}
}

/*
 * Waits for a connection, and sees meanwhile whether the queue is lost. Returns the socket, or a
 * negative number once the work has ended.
 */
static int cat_accept(struct cat *c, int listener)
{
	while (!c->end) {
		int r = net_accept(listener, c->options.verbose);

		if (r >= 0)
			return r;
		if (r == -EAGAIN)
			r = cat_take(c);
		if (r == 0)
			r = waiter_poll_both(&c->waiter, listener, zcrx_queue_fd(c->source.queue));
		if (r < 0 && !c->end)
			cat_ended(c, "accepting", r);
	}
	return -ECANCELED;
}

static void cat_listen(struct cat *c)
{
	int listener = net_listen(c->options.host, c->options.port, c->options.verbose);

	if (listener < 0) {
		c->status = CAT_FAILED;
		return;
	}
	do {
		int sock = cat_accept(c, listener);

		if (sock < 0)
			break;
		cat_receive(c, sock);
		close(sock);
	} while (c->options.keep && !c->end);
	if (c->report.streams == 0 && waiter_check(&c->waiter) == -ETIME)
		cat_fail(c, CAT_FAILED, "nobody connected within %u s", c->options.limit_s);
	close(listener);
}

/* Sees that all that was printed is written. What failed before keeps the exit status. */
static void cat_printed(struct cat *c, FILE *out)
{
	int r = output_flush(out);

	if (r < 0)
		cat_fail(c, c->status == CAT_OK ? CAT_FAILED : c->status,
			 "what is printed cannot be written: %s", say_error(r));
}

static void cat_report(struct cat *c)
{
	bool taken = c->options.output && strcmp(c->options.output, "-") == 0;
	struct zcrx_queue_info info = {.size = sizeof(info)};
	char sha256[SINK_SHA256_CHARS + 1] = "";
	FILE *out = taken ? stderr : stdout;

	zcrx_queue_info(c->source.queue, &info);
	sink_sha256(c->sink, sha256);
	if (c->options.json)
		report_json(&c->report, out, &info, sha256, c->error);
	else if (c->report.streams > 0)
		report_text(&c->report, out, &info, sha256);
	cat_printed(c, out);
}

int main(int argc, char **argv)
{
	struct cat c = {0};
	int r;

	if (!options_parse(&c.options, argc, argv, &c.status)) {
		cat_printed(&c, stdout);
		return c.status;
	}
	r = waiter_init(&c.waiter, c.options.limit_s);
	if (r < 0)
		cat_fail(&c, CAT_FAILED, "signals: %s", say_error(r));
	else if (cat_open(&c)) {
		if (c.options.listen)
			cat_listen(&c);
		else
			cat_dial(&c);
		cat_report(&c);
	}
	r = sink_close(c.sink);
	if (r < 0)
		cat_fail(&c, CAT_FAILED, "%s: %s", c.options.output, say_error(r));
	source_close(&c.source);
	return c.status == CAT_INTERRUPTED ? CAT_INTERRUPTED + waiter_signal() : (int)c.status;
}
