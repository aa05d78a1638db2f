/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/output.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/listener.h"
#include "daemon/broker/passed.h"
#include "daemon/broker/privilege.h"
#include "daemon/broker/programs.h"
#include "daemon/broker/reload.h"
#include "daemon/broker/upgrade.h"
#include "daemon/common/log.h"
#include "daemon/common/may_wait.h"
#include "daemon/common/present.h"
#include "daemon/common/version.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/leases.h"
#include "policy/config_check.h"
#include "policy/config_file.h"
#include "policy/config_nics.h"
#include "policy/sections.h"

struct options {
	const char *config, *clients, *status;
	bool check, verbose;
	bool upgrades; /* a zcrxd asks, which will execute this program with the privilege it has */
	char **argv;
};

/* What an upgrade knows a zcrxd by. */
static void version_print(void)
{
	printf(UPGRADE_NAME "%s\n", zcrxd_version);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: zcrxd [OPTION]...\n"
		"Receives network payload straight into the memory of unprivileged programs.\n\n"
		"  -c, --config FILE   read FILE instead of " CONFIG_PATH "\n"
		"      --socket PATH   listen for clients at PATH\n"
		"      --status PATH   serve the status document at PATH\n"
		"      --check         check the configuration, explain it, and exit\n"
		"  -v, --verbose       log more\n"
		"  -V, --version       print the version and exit\n"
		"  -h, --help          print this and exit\n\n"
		"Sockets passed by systemd (names clients, status, and those of classes) come before\n"
		"paths. SIGHUP reads the configuration again; SIGUSR2 has the process execute the zcrxd\n"
		"that is installed by now, and clients notice nothing; SIGTERM and SIGINT end it: its\n"
		"clients see QUEUE_LOST. See zcrxd(8), zcrxd.conf(5).\n");
}

/* Returns 0, 1 to exit well, or -EINVAL. */
static int options_parse(struct options *o, int argc, char **argv)
{
	enum {
		SOCKET = 256,
		STATUS,
		CHECK
	};
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, SOCKET},
		{"status", required_argument, NULL, STATUS},
		{"check", optional_argument, NULL, CHECK},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int opt;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
	while ((opt = getopt_long(argc, argv, "c:vVh", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->config = optarg;
			break;
		case SOCKET:
			o->clients = optarg;
			break;
		case STATUS:
			o->status = optarg;
			break;
		case CHECK:
			o->check = true;
			o->upgrades = optarg && strcmp(optarg, UPGRADE_CHECK) == 0;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			version_print();
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "zcrxd: unexpected argument '%s'\n", argv[optind]);
	return -EINVAL;
}

static int override(char **field, const char *value)
{
	if (!value)
		return 0;
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

/* What the file and the command line say, names of groups looked up. */
static int configure(struct config *config, const void *options)
{
	const struct options *o = options;
	int r = config_load(config, o->config);
	if (r == 0)
		r = override(&config->clients, o->clients);
	if (r == 0)
		r = override(&config->status, o->status);
	return r < 0 ? r : config_find_groups(config, o->config ? o->config : CONFIG_PATH);
}

static void raise_limit(int resource)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	if (setrlimit(resource, &limit) == 0 || getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

/* What serves. */
struct server {
	struct listeners listeners;
	struct broker broker;
	struct reload reload;
	struct upgrade upgrade;
};

static int stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)source;
	(void)info;
	sd_notify(0, "STOPPING=1");
	broker_stop(data);
	return 0;
}

/* All that serving takes. Returns 0 or more, or a negative errno. */
static int begin(struct server *s, sd_event *event, struct config *config, bool verbose)
{
	int r = broker_init(&s->broker, event, &s->listeners, config, verbose);
	if (r == 0)
		r = sd_event_add_signal(event, NULL, SIGTERM, stop_signal, &s->broker);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, stop_signal, &s->broker);
	if (r >= 0)
		r = reload_init(&s->reload, event);
	if (r >= 0)
		r = upgrade_init(&s->upgrade, event);
	return r < 0 ? r : sd_event_set_watchdog(event, true);
}

static int serve(sd_event *event, struct config *config, const struct options *options)
{
	struct server s = {.reload = {.broker = &s.broker,
				      .started = config,
				      .read = configure,
				      .options = options,
				      .over = -1},
			   .upgrade = {.broker = &s.broker,
				       .started = config,
				       .argv = options->argv}};
	const char *const from[2] = {options->clients ? "--socket" : "clients= in [sockets]",
				     options->status ? "--status" : "status= in [sockets]"};
	int r = passed_paths(config);
	if (r == 0)
		r = listeners_open(&s.listeners, config, from);
	if (r < 0)
		return r;
	leases_init(config->nics, config->state);
	if (config->nics && kernel_refuses_zcrx())
		log_warn("%s", kernel_refuses_zcrx());
	/* Not before: this may put a NIC back that is no longer named. */
	if (!config->nics) {
		leases_settle();
		r = privilege_drop();
	}
	if (r < 0) {
		log_error("capabilities cannot be given away: %s", strerrordesc_np(-r));
		listeners_close(&s.listeners);
		leases_done();
		return r;
	}
	privilege_pass_on();
	r = begin(&s, event, config, options->verbose);
	if (r >= 0) {
		may_wait_set(false);
		sd_notify(0, "READY=1");
		log_info("version %s serves clients at %s", zcrxd_version, config->clients);
		r = sd_event_loop(event);
		may_wait_set(true);
	}
	upgrade_done(&s.upgrade);
	listeners_close(&s.listeners);
	bool all_ended = broker_done(&s.broker) && reload_done(&s.reload);
	leases_done();
	if (!all_ended)
		_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	return r;
}

static int start(struct config *config, const struct options *options)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGCHLD); /* as sd-event wants it for pumps */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	raise_limit(RLIMIT_NOFILE);
	raise_limit(RLIMIT_MEMLOCK);
	int r = kernel_check(config->fixed_holes);
	if (r < 0)
		return r;
	if (present_init() == -EOPNOTSUPP) /* so it is to pumps and hands */
		log_warn("userfaultfd is refused to zcrxd: memory of areas that clients never "
			 "touched counts for zcrxd's cgroup");
	sd_event *event = NULL;
	r = sd_event_new(&event);
	if (r >= 0)
		r = serve(event, config, options);
	sd_event_unref(event);
	return r;
}

static void warn(const char *line)
{
	log_warn("%s", line);
}

/* Sees that all that was printed is written. Returns 0 or a negative errno. */
static int printed(void)
{
	int r = output_flush(stdout);
	if (r < 0)
		fprintf(stderr, "zcrxd: standard output: %s\n", strerrordesc_np(-r));
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {.argv = argv};
	struct config config = {0};
	int r = options_parse(&options, argc, argv);
	if (r < 0) {
		fprintf(stderr, "Try 'zcrxd --help'.\n");
		return 2;
	}
	if (r > 0)
		return printed() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	log_init(options.verbose);
	r = configure(&config, &options);
	if (r == 0)
		config_nics_compare(&config, options.config ? options.config : CONFIG_PATH, warn);
	bool is_mistaken = r == -EINVAL || r == -ENOENT || r == -EISDIR || r == -EACCES ||
			   r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG;
	if (r == 0 && options.upgrades)
		version_print();
	else if (r == 0 && options.check)
		config_print(&config, stdout);
	if (r == 0)
		r = programs_check();
	if (r == 0 && options.check)
		r = printed();
	bool lacks = r == 0 && options.upgrades && config.nics && !privilege_is_there();
	if (r == 0 && !options.check)
		r = start(&config, &options);
	config_done(&config);
	if (is_mistaken)
		return EX_CONFIG;
	if (lacks)
		return EX_NOPERM;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
