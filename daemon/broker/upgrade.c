/* SPDX-License-Identifier: MIT */
#include "daemon/broker/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/passing.h"
#include "daemon/broker/programs.h"
#include "daemon/broker/pumps_take.h"
#include "daemon/common/log.h"
#include "daemon/common/version.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/log_client.h"

#define DONE      "ZCRXD_UPGRADES" /* in the environment: how many there were */
#define CHECK_S   30u
#define LOOK_USEC 5000ull
#define LATE_USEC 1000ull           /* so much later at most: for sd-event 0 is 250 ms */
#define WORK_S    10u               /* for so long what is under way may take, else no upgrade */
#define SETTLE_NS (2 * NS_A_SECOND) /* pumps are waited for until they are settled, so long */
#define ARGS_MAX  64

/* Whatever becomes of the process, what it prints is read no more. */
static void check_forget(struct upgrade *u)
{
	if (u->check)
		close(u->said);
	u->check = 0;
}

/* The old program goes on. */
__attribute__((format(printf, 2, 3))) static void go_on(struct upgrade *u, const char *format, ...)
{
	struct upgrades *told = &u->broker->status.upgrades;
	va_list args;
	u->checked = sd_event_source_disable_unref(u->checked);
	u->late = sd_event_source_disable_unref(u->late);
	u->look = sd_event_source_disable_unref(u->look);
	check_forget(u);
	broker_hold(u->broker, false);
	if (u->broker->stopping)
		return;
	awaited_forget(&u->broker->pumps);
	va_start(args, format);
	vsnprintf(told->why_not, sizeof(told->why_not), format, args);
	va_end(args);
	told->failed++;
	log_error("no upgrade, version %s goes on: %s", zcrxd_version, told->why_not);
	sd_notify(0, "READY=1");
}

/* ---- nothing is under way here: the new program ---- */

static void execute(struct upgrade *u)
{
	char done[16];
	int r = passing_prepare(u->broker->listeners, u->started);
	snprintf(done, sizeof(done), "%u", u->broker->status.upgrades.done + 1);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs that reads it */
	if (r == 0 && setenv(DONE, done, 1) < 0)
		r = -ENOMEM;
	if (r == 0) {
		log_client_turn(UINT64_MAX);
		log_info("version %s executes %s", zcrxd_version, u->program);
		sd_notify(0, "WATCHDOG=1");
		hands_kill(u->broker->pumps.errands.hands);
		execv(u->program, u->argv);
		r = -errno;
	}
	passing_undo(u->broker->listeners);
	leases_hold(false);
	go_on(u, "%s cannot be executed: %s", u->program, strerrordesc_np(-r));
}

static const char *why_not_yet(const struct pump *p)
{
	if (p->n_working > 0 || p->ending)
		return "what it asked for is under way";
	return pump_is_settled(p) ? NULL : "its pump was just started, or a hand works for it";
}

static const struct awaiting upgrades = {.what = "the upgrade",
					 .left = "is waited for no longer",
					 .seconds = WORK_S,
					 .why = why_not_yet};

/* Of whoever reads the status and of what is done for no client there is no name. */
static void takes_long(struct upgrade *u, const char *what)
{
	u->told = true;
	if (awaited_tell(&u->broker->pumps, &upgrades) == 0)
		log_info("%s waits, %u seconds at most: %s", upgrades.what, WORK_S, what);
}

static int look(sd_event_source *source, uint64_t usec, void *data)
{
	struct upgrade *u = data;
	uint64_t waited_ns = clock_ns() - u->since_ns;
	const char *what = u->broker->stopping ? "zcrxd ends" : broker_is_busy(u->broker);
	(void)usec;
	if (!what && !pumps_are_settled(&u->broker->pumps) && waited_ns < SETTLE_NS)
		what = "a pump was started or a hand works for one";
	if (!what && !leases_hold(true))
		what = "a NIC is being changed";
	if (!what) {
		awaited_over(&u->broker->pumps, &upgrades);
		execute(u);
		return 0;
	}
	if (waited_ns > AWAITED_USEC * 1000 && !u->told)
		takes_long(u, what);
	if (waited_ns > WORK_S * NS_A_SECOND || u->broker->stopping) {
		go_on(u, "%s, and was not over in time: try again", what);
		return 0;
	}
	sd_event_source_set_time_relative(source, LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void hold(struct upgrade *u)
{
	sd_event *event = u->broker->event;
	broker_hold(u->broker, true);
	u->since_ns = clock_ns();
	u->told = false;
	int r = sd_event_add_time_relative(event, &u->look, CLOCK_MONOTONIC, 0, LATE_USEC, look, u);
	if (r < 0)
		go_on(u, "%s", strerrordesc_np(-r));
}

/* ---- can the new program be executed, and does it take the configuration? ---- */

/* Does what the program printed begin as it does with a zcrxd? */
static bool is_zcrxd(const struct upgrade *u)
{
	char said[sizeof(UPGRADE_NAME) - 1];
	return read(u->said, said, sizeof(said)) == (ssize_t)sizeof(said) &&
	       memcmp(said, UPGRADE_NAME, sizeof(said)) == 0;
}

static int checked(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct upgrade *u = data;
	const char *why_not = pumps_why_not_taken(&u->broker->pumps);
	bool ended = info->si_code == CLD_EXITED, good = is_zcrxd(u);
	(void)source;
	check_forget(u);
	u->checked = sd_event_source_disable_unref(u->checked);
	u->late = sd_event_source_disable_unref(u->late);
	if (!ended)
		go_on(u, "%s --check was ended by signal %d", u->program, info->si_status);
	else if (info->si_status == 127)
		go_on(u, "%s cannot be executed", u->program);
	else if (info->si_status == EX_NOPERM)
		go_on(u, "zcrxd has no CAP_NET_ADMIN for [nic]: it gave it away when it started "
			 "without [nic]; restart it");
	else if (info->si_status != 0)
		go_on(u, "%s --check ended with status %d: see the log", u->program,
		      info->si_status);
	else if (!good)
		go_on(u, "%s is not a zcrxd: --check does not print its name and version",
		      u->program);
	else if (why_not)
		go_on(u, "%s, so clients would be lost: restart zcrxd when there are none",
		      why_not);
	else
		hold(u);
	return 0;
}

/* Its end is then told by u->checked. */
static int check_late(sd_event_source *source, uint64_t usec, void *data)
{
	struct upgrade *u = data;
	(void)usec;
	if (u->told) {
		kill(u->check, SIGKILL);
		return 0;
	}
	u->told = true;
	log_info("%s waits for %s --check, %u seconds at most", upgrades.what, u->program, CHECK_S);
	sd_event_source_set_time_relative(source, CHECK_S * 1000000ull - AWAITED_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int check_start(struct upgrade *u)
{
	char *argv[ARGS_MAX];
	int n = 0;
	while (u->argv[n] && n < ARGS_MAX - 2) {
		argv[n] = u->argv[n];
		n++;
	}
	argv[n++] = (char[]){"--check=" UPGRADE_CHECK};
	argv[n] = NULL;
	int pipe[2]; /* which does not block: what prints more than it holds is no zcrxd */
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	const struct program check = {.path = u->program,
				      .argv = argv,
				      .environment = environ,
				      .output = pipe[1],
				      .has_stderr = true};
	int r = program_spawn(&check, &u->check);
	close(pipe[1]);
	u->said = pipe[0];
	if (r < 0)
		close(pipe[0]);
	return r;
}

static int asked_for(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct upgrade *u = data;
	sd_event *event = u->broker->event;
	(void)source;
	(void)info;
	if (u->check || u->look || u->broker->stopping)
		return 0;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / 1000);
	u->told = false;
	struct stray *stray = malloc(sizeof(*stray));
	int r = stray ? check_start(u) : -ENOMEM;
	if (r < 0) {
		free(stray);
		go_on(u, "%s cannot be executed: %s", u->program, strerrordesc_np(-r));
		return 0;
	}
	r = sd_event_add_child(event, &u->checked, u->check, WEXITED, checked, u);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &u->late, CLOCK_MONOTONIC, AWAITED_USEC, 0,
					       check_late, u);
	if (r < 0) {
		strays_add(&u->broker->pumps.strays, stray, u->check);
		go_on(u, "%s", strerrordesc_np(-r));
	} else {
		free(stray);
	}
	return 0;
}

/* ---- the beginning ---- */

/* The path that the process was started by: a package puts another file or link there. */
static char *program_find(const char *name)
{
	char *path = NULL;
	if (*name == '/')
		return strdup(name);
	_cleanup_(freep) char *folder = realpath(strchr(name, '/') ? "." : "/proc/self/exe", NULL);
	if (!folder || !strchr(name, '/'))
		return (path = folder, folder = NULL, path);
	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

int upgrade_init(struct upgrade *u, sd_event *event)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread writes it */
	const char *done = secure_getenv(DONE);
	u->program = program_find(u->argv[0]);
	if (!u->program)
		return -ENOMEM;
	if (done)
		u->broker->status.upgrades.done = (uint32_t)strtoul(done, NULL, 10);
	int r = sd_event_add_signal(event, NULL, SIGUSR2, asked_for, u);
	return r < 0 ? r : 0;
}

void upgrade_done(struct upgrade *u)
{
	if (u->check)
		kill(u->check, SIGKILL);
	check_forget(u);
	sd_event_source_disable_unref(u->checked);
	sd_event_source_disable_unref(u->late);
	sd_event_source_disable_unref(u->look);
	free(u->program);
}
