/* SPDX-License-Identifier: MIT */
#include "tests/harness/lone_pump.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_dmabuf.h"
#include "daemon/broker/serve_host.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/flight_reader.h"

static int nothing(sd_event_source *s, int fd, uint32_t events, void *data)
{
	(void)s, (void)fd, (void)events, (void)data;
	return 0;
}

bool lone_pump_start(struct lone_pump *l, sd_event *loop)
{
	int pair[2];
	struct classes *classes;
	struct pump *p = &l->pump;
	*l = (struct lone_pump){.pump = {.id = 1, .pidfd = -1, .poke = -1, .wake = -1}};
	p->is.uid = p->who.uid = getuid();
	p->is.gid = p->who.gid = getgid();
	strcpy(p->who.class, POLICY_DEFAULT);
	l->all.event = loop;
	p->all = &l->all;
	TAILQ_INIT(&p->jobs);
	pthread_mutex_init(&p->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	outbox_init(&p->out, -1);
	p->sock = p->out.sock = pair[0];
	l->end = pair[1];
	l->limits = pump_class(p, &classes)->limits;
	classes_put(classes);
	p->reader = flight_reader_get(POLICY_DEFAULT, getuid());
	if (!p->reader ||
	    user_get(&p->who.user, POLICY_DEFAULT, &l->limits, getuid(), clock_ns(), NULL) < 0)
		return false;
	return !loop || sd_event_add_io(loop, &p->io, p->sock, 0, nothing, NULL) >= 0;
}

bool lone_pump_say(struct lone_pump *l, union link_any *m, uint16_t type, uint32_t serial)
{
	m->hdr = (struct msg_hdr){.size = link_bytes(type), .type = type, .serial = serial};
	if (link_check(m, m->hdr.size, 0, true) < 0)
		return false;
	serve_message(&l->pump, m);
	return true;
}

static bool nothing_charged(void)
{
	uint64_t used[ACCOUNT_KINDS];
	bool any = false;
	files_reap(NULL);
	account_used(POLICY_DEFAULT, used);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		any |= used[kind] != 0;
	return !any;
}

/* May the user have a descriptor in flight? Not if all that it may have stayed charged. */
static bool may_have_in_flight(struct flight_reader *r)
{
	bool may = flight_reader_charge(r, 1);
	flight_reader_release(r, may);
	return may;
}

bool lone_pump_end(struct lone_pump *l)
{
	struct pump *p = &l->pump;
	errands_forget(p);
	serve_lease_end_all(p);
	serve_host_end_all(p);
	serve_dmabuf_end_all(p);
	serve_release(p);
	bool good = p->n_errands == 0 && may_have_in_flight(p->reader) && nothing_charged();
	flight_reader_put(p->reader);
	sd_event_source_disable_unref(p->io);
	sd_event_source_disable_unref(p->lost);
	outbox_done(&p->out);
	pthread_mutex_destroy(&p->lock);
	close(p->sock);
	close(l->end);
	user_put(p->who.user);
	return good;
}
