/* SPDX-License-Identifier: MIT */
#include "daemon/grant/log_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/common/log.h"
#include "policy/policy.h"

#define PERIOD_NS (60 * NS_A_SECOND)
#define LINES_MAX 10u
#define SHARES    64

/* What one user caused to be logged for one cause in the minute since since_ns. */
struct share {
	bool used;
	uid_t uid;
	char class[POLICY_NAME_BYTES];
	enum log_cause cause;
	int priority;
	uint64_t since_ns;
	uint32_t lines;
	uint64_t left_out;
};

static struct {
	pthread_mutex_t lock;
	int timer;
	struct share shares[SHARES];
	struct share others[LOG_CAUSES]; /* of all users for which no share was free */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .timer = -1};

static struct share *each(size_t i)
{
	return i < SHARES ? &all.shares[i] : &all.others[i - SHARES];
}

static void share_end(struct share *s)
{
	static const char *const causes[LOG_CAUSES] = {
		[LOG_CONNECTED] = "connected",
		[LOG_CONNECTION_REFUSED] = "connection refused",
		[LOG_REQUEST_REFUSED] = "request refused",
		[LOG_REPLIES_UNREAD] = "replies not read",
		[LOG_EXHAUSTED] = "out of file descriptors or memory",
		[LOG_RULES] = "ntuple rules",
		[LOG_PUMP] = "ends of pumps",
	};
	bool of_others = s >= all.others && s < all.others + LOG_CAUSES;
	if (s->left_out && of_others)
		log_at(s->priority, "further users: %ju more lines left out: %s",
		       (uintmax_t)s->left_out, causes[s->cause]);
	else if (s->left_out)
		log_at(s->priority, "uid %u, class %s: %ju more lines left out: %s",
		       (unsigned)s->uid, *s->class ? s->class : "-", (uintmax_t)s->left_out,
		       causes[s->cause]);
	*s = (struct share){0};
}

static void shares_end(uint64_t now_ns)
{
	for (size_t i = 0; i < SHARES + LOG_CAUSES; i++)
		if (each(i)->used && now_ns >= each(i)->since_ns + PERIOD_NS)
			share_end(each(i));
}

static struct share *share_get(uid_t uid, const char *class, enum log_cause cause, uint64_t now_ns)
{
	struct share *unused = NULL;
	shares_end(now_ns);
	for (struct share *s = all.shares; s < all.shares + SHARES; s++) {
		if (s->used && s->uid == uid && s->cause == cause && strcmp(s->class, class) == 0)
			return s;
		if (!s->used)
			unused = s;
	}
	struct share *s = unused ? unused : &all.others[cause];
	if (s->used)
		return s;
	*s = (struct share){.used = true, .uid = uid, .cause = cause, .since_ns = now_ns};
	strncat(s->class, class, sizeof(s->class) - 1);
	return s;
}

/* The timer goes off when the first share ends that left something out. */
static void timer_set(void)
{
	uint64_t at_ns = 0;
	for (size_t i = 0; i < SHARES + LOG_CAUSES; i++) {
		uint64_t end_ns = each(i)->since_ns + PERIOD_NS;
		if (each(i)->left_out && (!at_ns || end_ns < at_ns))
			at_ns = end_ns;
	}
	struct itimerspec time = {.it_value = {.tv_sec = (time_t)(at_ns / NS_A_SECOND),
					       .tv_nsec = (long)(at_ns % NS_A_SECOND)}};
	timerfd_settime(all.timer, TFD_TIMER_ABSTIME, &time, NULL);
}

static bool may_log(int priority, uid_t uid, const char *class, enum log_cause cause)
{
	pthread_mutex_lock(&all.lock);
	struct share *s = share_get(uid, class, cause, clock_ns());
	bool may = s->lines < LINES_MAX;
	s->lines += may;
	s->left_out += !may;
	s->priority = priority;
	if (s->left_out == 1)
		timer_set();
	pthread_mutex_unlock(&all.lock);
	return may;
}

void log_client(int priority, uid_t uid, const char *class, enum log_cause cause,
		const char *format, ...)
{
	if (!log_shows(priority) || !may_log(priority, uid, class, cause))
		return;
	va_list args;
	va_start(args, format);
	log_at_list(priority, format, args);
	va_end(args);
}

int log_client_init(void)
{
	all.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return all.timer < 0 ? -errno : 0;
}

int log_client_fd(void)
{
	return all.timer;
}

void log_client_turn(uint64_t now_ns)
{
	pthread_mutex_lock(&all.lock);
	shares_end(now_ns);
	timer_set(); /* the descriptor is not readable any more */
	pthread_mutex_unlock(&all.lock);
}

void log_client_done(void)
{
	log_client_turn(UINT64_MAX);
	pthread_mutex_lock(&all.lock);
	all.timer = fd_close(all.timer);
	pthread_mutex_unlock(&all.lock);
}
