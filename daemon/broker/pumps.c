/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pumps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/process.h"
#include "daemon/broker/programs.h"
#include "daemon/broker/pump_limits.h"
#include "daemon/broker/record.h"
#include "daemon/broker/relink.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_dmabuf.h"
#include "daemon/broker/serve_host.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/broker/serve_lease_news.h"
#include "daemon/common/log.h"
#include "daemon/common/report.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/leases.h"
#include "daemon/link/start.h"
#include "proto/wire.h"

#ifndef SO_PASSRIGHTS /* older C libraries */
#define SO_PASSRIGHTS 83
#endif

#define AWAIT_NS        2000000000ull
#define MESSAGES_A_TURN 64 /* of one pump; then others have their turn */

/* ---- what a pump is told ---- */

static int tell(struct pump *p, union link_any *m, uint16_t type)
{
	m->hdr.type = type;
	m->hdr.size = link_bytes(type);
	m->hdr.serial = 0;
	return outbox_send(&p->out, m, NULL);
}

static int tell_class_of(struct pump *p, const struct policy_class *c)
{
	uint32_t all = c->local.n + c->remote.n, first = 0;
	int r;
	do {
		union link_any m = {.as_CLASS = {.nobody = c == &policy_nobody,
						 .backends = c->backends,
						 .host = c->host,
						 .udmabuf = c->udmabuf,
						 .nics = c->nics.n,
						 .ranges_local = c->local.n,
						 .ranges_remote = c->remote.n,
						 .given = c->local.given | c->remote.given << 1,
						 .limits = c->limits,
						 .orphan_seconds = p->all->orphan_seconds,
						 .policy = p->all->policy,
						 .first = first}};
		struct link_class *part = &m.as_CLASS;
		for (; part->n < LINK_RANGES_MAX && first < all; first++)
			part->ranges[part->n++] = first < c->local.n
							  ? c->local.ranges[first]
							  : c->remote.ranges[first - c->local.n];
		r = tell(p, &m, LINK_CLASS);
	} while (r == 0 && first < all);
	return r;
}

/* What the kernel lets the pump have comes first. -ESRCH: it has ended, as its pidfd will tell. */
static int tell_class(struct pump *p)
{
	struct classes *classes;
	const struct policy_class *c = pump_class(p, &classes);
	int r = pump_limits_set(p->pid, &c->limits);
	if (r == 0 || r == -ESRCH)
		r = tell_class_of(p, c);
	classes_put(classes);
	return r;
}

static int tell_start(struct pump *p)
{
	const char *refused = kernel_refuses_zcrx();
	union link_any m = {.as_START = {.version = link_version,
					 .oldest = link_oldest,
					 .client = p->id,
					 .pid = p->who.pid,
					 .uid = p->who.uid,
					 .gid = p->who.gid,
					 .verbose = p->all->verbose,
					 .leases = leases_any()}};
	snprintf(m.as_START.socket, sizeof(m.as_START.socket), "%s", p->who.socket);
	snprintf(m.as_START.class, sizeof(m.as_START.class), "%s", p->who.class);
	snprintf(m.as_START.zcrx_refused, sizeof(m.as_START.zcrx_refused), "%s",
		 refused ? refused : "");
	int r = tell(p, &m, LINK_START);
	return r < 0 ? r : tell_class(p);
}

void pumps_policy(struct pumps *all)
{
	struct pump *p;
	all->policy++;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && tell_class(p) < 0)
			pump_break(p, "does not read its link");
}

bool pumps_have_policy(const struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && !p->broken && p->policy != all->policy)
			return false;
	return true;
}

/* ---- its end ---- */

static void pump_free(struct pump *p)
{
	struct job *j;
	sd_event_source_disable_unref(p->io);
	sd_event_source_disable_unref(p->exit);
	sd_event_source_disable_unref(p->news);
	outbox_done(&p->out);
	while ((j = TAILQ_FIRST(&p->jobs))) {
		TAILQ_REMOVE(&p->jobs, j, link);
		j->drop(j);
	}
	fd_close(p->sock);
	fd_close(p->far_end);
	fd_close(p->pidfd);
	fd_close(p->poke);
	if (p->reader)
		flight_reader_put(p->reader);
	identity_done(&p->is);
	pthread_mutex_destroy(&p->lock);
	report_put(p->report);
	record_close(p->record);
	free(p);
}

/* Its process has ended and its leases are over: all the rest goes. */
static void bury(struct pump *p)
{
	struct pumps *all = p->all;
	struct client_identity who = p->who;
	TAILQ_REMOVE(&all->list, p, link);
	serve_host_end_all(p);
	serve_dmabuf_end_all(p);
	serve_release(p);
	record_remove(all->records, p->pid);
	pump_free(p);
	admission_over(&who);
	if (TAILQ_EMPTY(&all->list) && all->on_empty)
		all->on_empty(all->empty_data);
}

static void end_leases(void *data)
{
	serve_lease_end_all(data);
}

/*
 * Called again when the work that is under way is over. Then the leases end, on a thread, then all
 * the rest.
 */
static void wind_up(struct pump *p)
{
	if (p->n_working > 0)
		return;
	if (!LIST_EMPTY(&p->leases)) {
		p->ending = true;
		work_start(&p->end, end_leases, p, p->all->wake);
		return;
	}
	bury(p);
}

/* ---- what it asks for ---- */

struct asked {
	struct job job;
	union link_any m;
};

static void asked_run(struct pump *p, struct job *j)
{
	serve_message(p, &((struct asked *)j)->m);
}

static void asked_drop(struct job *j)
{
	free(j);
}

/* Is it about a lease, and of which number? */
static bool lease_of(const union link_any *m, uint32_t *ret)
{
	switch (m->hdr.type) {
	case LINK_LEASE:
		*ret = m->as_LEASE.lease;
		return true;
	case LINK_LEASE_END:
		*ret = m->as_LEASE_END.id;
		return true;
	case LINK_UNSTEER:
		*ret = m->as_UNSTEER.lease;
		return true;
	default:
		return false;
	}
}

static void job_add(struct pump *p, const union link_any *m)
{
	struct asked *a = malloc(sizeof(*a));
	if (!a)
		return pump_break(p, "finds no memory");
	*a = (struct asked){.job = {.run = asked_run, .drop = asked_drop}, .m = *m};
	a->job.on_lease = lease_of(m, &a->job.lease);
	pump_work(p, &a->job);
}

static void work_over(struct pump *p)
{
	bool any = pump_work_over(p);
	if (p->ending && work_is_over(&p->end)) {
		work_join(&p->end);
		p->ending = false;
		return wind_up(p);
	}
	if (!any)
		return;
	if (p->dead)
		return wind_up(p);
	if (!p->broken && !p->all->held && p->n_jobs < JOBS_MAX)
		sd_event_source_set_enabled(p->io, SD_EVENT_ON);
	pump_work_on(p);
}

static int woken(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct pumps *all = data;
	struct pump *p, *next;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	for (p = TAILQ_FIRST(&all->list); p; p = next) {
		next = TAILQ_NEXT(p, link);
		work_over(p);
	}
	return 0;
}

/* Of another release, perhaps. */
static void not_known(struct pump *p, const struct msg_hdr *m)
{
	const union link_any reply = {.hdr = {.size = sizeof(reply.hdr),
					      .type = m->type,
					      .serial = m->serial,
					      .error = -EOPNOTSUPP}};
	if (m->serial && outbox_send(&p->out, &reply, NULL) < 0)
		pump_break(p, "does not read its link");
}

static void message(struct pump *p, const union link_any *m, uint32_t len)
{
	int r = link_check(m, len, 0, true);
	if (r == -EBADMSG)
		pump_break(p, "sent what no pump sends");
	else if (r < 0)
		not_known(p, &m->hdr);
	else if (p->over && link_is_asked(m->hdr.type))
		pump_break(p, "asks on after its client has gone");
	else if (link_is_slow(m->hdr.type))
		job_add(p, m);
	else
		serve_message(p, m);
}

/*
 * There is no room for descriptors, so the kernel makes none of those that came: it lets go of
 * them. Returns the datagram's length, 0 at the end, or a negative errno; *m is zero behind it.
 */
static int receive(int sock, union link_any *m)
{
	ssize_t n = recv(sock, m, sizeof(*m), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return -errno;
	if ((size_t)n > sizeof(*m))
		return -EMSGSIZE;
	memset((char *)m + n, 0, sizeof(*m) - (size_t)n);
	return (int)n;
}

static int ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct pump *p = data;
	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN && !p->broken && p->n_jobs < JOBS_MAX; i++) {
		union link_any m;
		int n = receive(fd, &m);
		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n == 0 || n == -ECONNRESET) /* the process ends */
			return sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (n < (int)sizeof(m.hdr)) {
			pump_break(p, "sent what no pump sends");
			return 0;
		}
		message(p, &m, (uint32_t)n);
	}
	return 0;
}

static void ended(struct pump *p)
{
	p->dead = true;
	if (!p->broken)
		ready(p->io, p->sock, 0, p); /* what it said last */
	errands_forget(p);
	sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
	sd_event_source_set_enabled(p->news, SD_EVENT_OFF);
	wind_up(p);
}

/* The end of a pump that was taken over and is no child of this process. */
static int exited_elsewhere(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	ended(data);
	return 0;
}

static int exited(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct pump *p = data;
	(void)source;
	bool crashed = info->si_code != CLD_EXITED || info->si_status != 0;
	if (crashed && !p->broken)
		log_warn("the pump of client %u (pid %d) ended with %s %d", p->id, (int)p->who.pid,
			 info->si_code == CLD_EXITED ? "status" : "signal", info->si_status);
	ended(p);
	return 0;
}

static int news(sd_event_source *source, int fd, uint32_t events, void *data)
{
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	struct pump *p = data;
	serve_lease_news(p);
	outbox_turn(&p->out, p->all->event);
	return 0;
}

/* ---- its beginning ---- */

/*
 * No descriptor comes by the link: to close one can take as long as a client likes. Before
 * Linux 6.16 the kernel does not know the option. There a pump that was taken over can send some.
 * They get no number in this process, but it is this process in which the kernel lets go of them.
 */
static void refuse_descriptors(int sock)
{
	setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
}

/* Returns the pump's end, or a negative errno. */
static int link_make(struct pump *p)
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
	_cleanup_(fd_closep) int link = link_make(p), report = report_file();
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
	return tell_start(p);
}

static int watch(struct pump *p, bool is_child)
{
	sd_event *event = p->all->event;
	int r = sd_event_add_io(event, &p->io, p->sock, EPOLLIN, ready, p);
	if (r >= 0)
		r = sd_event_add_io(event, &p->news, p->poke, EPOLLIN, news, p);
	if (r >= 0 && is_child)
		r = sd_event_add_child_pidfd(event, &p->exit, p->pidfd, WEXITED, exited, p);
	else if (r >= 0)
		r = sd_event_add_io(event, &p->exit, p->pidfd, EPOLLIN, exited_elsewhere, p);
	return r < 0 ? r : 0;
}

static struct pump *pump_new(struct pumps *all, uint32_t id, const struct client_identity *who)
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
	struct pump *p = pump_new(all, id, who);
	pid_t pid;
	if (!p)
		return -ENOMEM;
	p->is.socket = *p->who.socket ? p->who.socket : NULL;
	int r = identity_read(&p->is, &pid, client);
	if (r == 0)
		r = process_start(p, client);
	if (r == 0)
		r = watch(p, true);
	if (r < 0) {
		if (p->pid > 0) {
			kill(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
			record_remove(all->records, p->pid);
		}
		pump_free(p);
		return r;
	}
	TAILQ_INSERT_TAIL(&all->list, p, link);
	return 0;
}

/* ---- those of the broker before ---- */

struct taking {
	struct pumps *all;
	uint32_t last_id;
};

/* The pumps of a broker that executed this program in its place are its children still. */
static bool is_child(int pidfd)
{
	siginfo_t info;
	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int stray_ended(sd_event_source *source, const siginfo_t *info, void *data)
{
	(void)info;
	(void)data;
	return sd_event_source_set_floating(source, false);
}

/* A pump that is not taken over was killed. If it is a child, its end is waited for by the loop. */
static void stray(sd_event *event, const struct record *r, int pidfd)
{
	if (is_child(pidfd))
		sd_event_add_child(event, NULL, r->pump, WEXITED, stray_ended, NULL);
}

/*
 * A pump that cannot be taken over is killed: its leases and rules are taken back, and it would go
 * on as if it had them.
 */
static bool lost(struct pumps *all, const struct record *r, int pidfd)
{
	all->lost++;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	stray(all->event, r, pidfd);
	return false;
}

static bool take(struct record *r, struct record_file *record, int pidfd, void *data)
{
	struct taking *t = data;
	t->last_id = r->id > t->last_id ? r->id : t->last_id;
	struct pump *p = pump_new(t->all, r->id, &r->who);
	if (!p)
		return lost(t->all, r, pidfd);
	p->far_end = link_make(p);
	if (p->far_end < 0 || admission_again(&p->who) < 0) {
		pump_free(p);
		return lost(t->all, r, pidfd);
	}
	p->pid = r->pump;
	p->again = p->taken = true;
	p->record = record;
	p->pidfd = pidfd;
	p->started = r->started;
	p->is = r->is;
	p->is.socket = *p->who.socket ? p->who.socket : NULL;
	TAILQ_INSERT_TAIL(&t->all->list, p, link);
	serve_again(p);
	if (watch(p, is_child(pidfd)) < 0 || tell_start(p) < 0 || relink(p) < 0)
		pump_break(p, "cannot be taken over");
	serve_lease_again(p);
	return true;
}

uint32_t pumps_take(struct pumps *all)
{
	struct taking t = {.all = all};
	/* Children of the broker that executed this program, which have ended since. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	records_read(all->records, take, &t);
	return t.last_id;
}

/* How many of the broker before have their links (true), or wait for them (false). */
static uint32_t count_again(const struct pumps *all, bool linked)
{
	const struct pump *p;
	uint32_t n = 0;
	TAILQ_FOREACH (p, &all->list, link)
		n += p->again && !p->broken && !p->dead && (p->report != NULL) == linked;
	return n;
}

void pumps_await(struct pumps *all)
{
	uint64_t until_ns = clock_ns() + AWAIT_NS, now_ns;
	while (count_again(all, false) && (now_ns = clock_ns()) < until_ns)
		if (sd_event_run(all->event, (until_ns - now_ns) / 1000) < 0)
			break;
	uint32_t n = count_again(all, true);
	if (n)
		log_info("%u %s of the zcrxd that ran before %s on", n,
			 n == 1 ? "client" : "clients", n == 1 ? "goes" : "go");
	if (all->lost)
		log_warn("%u %s of the zcrxd that ran before could not be taken over, and %s ended",
			 all->lost, all->lost == 1 ? "client" : "clients",
			 all->lost == 1 ? "was" : "were");
}

/* ---- all ---- */

int pumps_init(struct pumps *all, sd_event *event, bool verbose, const char *clients)
{
	*all = (struct pumps){.event = event,
			      .verbose = verbose,
			      .path = program_path(PROGRAM_PUMP)};
	_cleanup_(freep) char *hand = program_path(PROGRAM_HAND);
	TAILQ_INIT(&all->list);
	if (!all->path || !hand)
		return -ENOENT;
	int r = errands_init(&all->errands, event, hand);
	if (r < 0)
		return r;
	if (asprintf(&all->records, "%s.pumps", clients) < 0)
		all->records = NULL;
	all->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (all->wake < 0 || !all->records)
		return all->wake < 0 ? -errno : -ENOMEM;
	r = sd_event_add_io(event, &all->wake_io, all->wake, EPOLLIN, woken, all);
	return r < 0 ? r : 0;
}

void pumps_done(struct pumps *all)
{
	sd_event_source_disable_unref(all->wake_io);
	fd_close(all->wake);
	errands_done(&all->errands);
	free(all->path);
	if (all->records)
		rmdir(all->records);
	free(all->records);
}

void pumps_hold(struct pumps *all, bool held)
{
	struct pump *p;
	all->held = held;
	TAILQ_FOREACH (p, &all->list, link) {
		/* One that was taken over a moment ago has yet to say what it has. */
		bool reads = !p->broken && !p->dead && p->n_jobs < JOBS_MAX && (!held || p->taken);
		sd_event_source_set_enabled(p->io, reads ? SD_EVENT_ON : SD_EVENT_OFF);
		p->held = held;
		pump_work_on(p);
	}
}

const char *pumps_why_not_taken(const struct pumps *all)
{
	const struct pump *p;
	if (!TAILQ_EMPTY(&all->list) && ptrace_scope() > 1)
		return "this system lets no process take descriptors of another one "
		       "(kernel.yama.ptrace_scope is 2 or more)";
	TAILQ_FOREACH (p, &all->list, link)
		if (p->unrecorded && !p->dead)
			return "the note of a client could not be written beside the clients' socket";
	return NULL;
}

static bool is_settled(const struct pump *p)
{
	return p->dead || p->broken || (p->classed && !p->taken && LIST_EMPTY(&p->errands));
}

bool pumps_are_settled(const struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!is_settled(p))
			return false;
	return true;
}

void pumps_stop(struct pumps *all)
{
	struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!p->dead && tell(p, &(union link_any){0}, LINK_STOP) < 0)
			pump_break(p, "does not read its link");
}

void pumps_kill(struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}
