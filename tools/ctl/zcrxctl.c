/* SPDX-License-Identifier: MIT */
/* zcrxctl: one program, several commands. */
#include "tools/ctl/cdi.h"
#include "tools/ctl/nics.h"
#include "tools/ctl/policy.h"
#include "tools/ctl/status.h"
#include "tools/ctl/terminal.h"
#include "tools/ctl/upgrade.h"
#include "tools/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

static int version_main(int argc, char **argv);
static int help_main(int argc, char **argv);

static const struct command {
	const char *name;
	const char *usage;
	int (*run)(int argc, char **argv); /* argv[0] is the command; returns the exit status */
	int unwritten; /* the exit status if its output cannot be written: none that answers */
} commands[] = {
	{"status", "status [queues|flows]  what zcrxd does now", status_main, 1},
	{"doctor",
	 "doctor [NIC]...        what works on this machine, and what to do about the rest",
	 doctor_main, 2},
	{"plan",
	 "plan NIC QUEUES        what zcrxd would change of an interface, and whom it disturbs",
	 plan_main, 2},
	{"policy", "policy show|test        who may do what", policy_main, 2},
	{"restore", "restore [NIC]...       puts interfaces back that zcrxd could not",
	 restore_main, 1},
	{"upgrade", "upgrade                has zcrxd execute the program that is installed by now",
	 upgrade_main, 1},
	{"cdi",
	 "cdi                    how a container runtime gives zcrxd's socket to a container",
	 cdi_main, 1},
	{"version", "version", version_main, 1},
	{"help", "help", help_main, 1},
};

static void help(FILE *out)
{
	fputs("usage: zcrxctl COMMAND [ARGUMENT]...\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %s\n", commands[i].usage);
	fputs("\nCOMMAND --help tells more.\n", out);
}

static int version_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("zcrxctl " ZCRX_VERSION);
	return 0;
}

static int help_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	help(stdout);
	return 0;
}

/* Runs the command, and sees that all it prints is written. Returns the exit status. */
static int command_run(const struct command *c, int argc, char **argv)
{
	int status = c->run(argc, argv), r = terminal_flush();

	if (r == 0)
		return status;
	fprintf(stderr, "zcrxctl: standard output: %s\n", strerrordesc_np(-r));
	return c->unwritten;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (terminal_guard() < 0)
		return 1;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return command_run(&commands[i], argc - 1, argv + 1);
	if (name[0])
		fprintf(stderr, "zcrxctl: there is no command %s\n", name);
	help(stderr);
	return 2;
}
