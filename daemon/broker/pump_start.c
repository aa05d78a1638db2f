/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump_start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/programs.h"
#include "daemon/broker/pump_end.h"
#include "daemon/broker/pump_tell.h"
#include "daemon/broker/pump_watch.h"
#include "daemon/broker/record.h"
#include "daemon/common/log.h"
#include "daemon/common/report.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/link/start.h"

#ifndef SO_PASSRIGHTS /* older C libraries */
#define SO_PASSRIGHTS 83
#endif

/*
 * No descriptor comes by the link: to close one can take as long as a client likes. Before
 * Linux 6.16 the kernel does not know the option. There a pump that was taken over can send some.
 * They get no number in this process, but it is this process in which the kernel lets go of them.
 */
static void refuse_descriptors(int sock)
{
	setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
}

int pump_link_make(struct pump *p)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	p->sock = p->out.sock = pair[0];
	refuse_descriptors(p->sock);
	return pair[1];
}

static int process_start(struct pump *p, int client)
{
	static_assert(START_LINK == PROGRAM_FIRST_FD && START_CLIENT == PROGRAM_FIRST_FD + 1 &&
			      START_REPORT == PROGRAM_FIRST_FD + 2,
		      "in the order in which the pump gets them");
	char *const argv[] = {(char[]){PROGRAM_PUMP}, NULL};
	_cleanup_(fd_closep) int link = pump_link_make(p), report = report_file();
	if (link < 0 || report < 0)
		return link < 0 ? link : report;
	int r = report_open(&p->report, report, false), fds[] = {link, client, report};
	const struct program program = {.path = p->all->path,
					.argv = argv,
					.environment = environ,
					.fds = fds,
					.nfds = ARRAY_LENGTH(fds),
					.own_group = true};
	if (r == 0)
		r = program_spawn(&program, &p->pid);
	if (r == -ENOENT || r == -EACCES)
		log_error("%s cannot be started: %s", p->all->path, strerrordesc_np(-r));
	if (r < 0)
		return r == -EACCES ? -ENOENT : r;
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		return -errno;
	struct record record = {.pump = p->pid, .id = p->id, .who = p->who, .is = p->is};
	r = record_write(&p->record, p->all->records, &record);
	p->started = record.started;
	p->unrecorded = r < 0;
	if (r < 0)
		log_warn("%s: %s: client %u does not outlive this zcrxd", p->all->records,
			 strerrordesc_np(-r), p->id);
	return pump_tell_start(p);
}

struct pump *pump_new(struct pumps *all, uint32_t id, const struct client_identity *who)
{
	struct pump *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct pump){.all = all,
			   .all_errands = &all->errands,
			   .id = id,
			   .who = *who,
			   .sock = -1,
			   .far_end = -1,
			   .pidfd = -1};
	pthread_mutex_init(&p->lock, NULL);
	TAILQ_INIT(&p->jobs);
	p->wake = all->wake;
	p->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	outbox_init(&p->out, p->poke);
	p->reader = flight_reader_get(who->class, who->uid);
	if (p->reader && p->poke >= 0)
		return p;
	pump_free(p);
	return NULL;
}

int pump_start(struct pumps *all, int client, uint32_t id, const struct client_identity *who)
{
	struct stray *stray = malloc(sizeof(*stray));
	struct pump *p = stray ? pump_new(all, id, who) : NULL;
	pid_t pid;
	if (!p) {
		free(stray);
		return -ENOMEM;
	}
	p->is.socket = *p->who.socket ? p->who.socket : NULL;
	int r = identity_read(&p->is, &pid, client);
	if (r == 0)
		r = process_start(p, client);
	if (r == 0)
		r = pump_watch(p, true);
	if (r < 0) {
		if (p->pid > 0) { /* perhaps it has the client's first message already */
			record_remove(all->records, p->pid);
			strays_add(&all->strays, stray, p->pid);
		} else {
			free(stray);
		}
		pump_free(p);
		return r;
	}
	free(stray);
	TAILQ_INSERT_TAIL(&all->list, p, link);
	return 0;
}
