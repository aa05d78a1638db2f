/* SPDX-License-Identifier: MIT */
/*
 * Upgrade in place (SIGUSR2): this process executes the program that lies at zcrxd's path by now.
 * 1. The new program's --check is run: it has to succeed. With the argument UPGRADE_CHECK it prints
 *    its name and version instead of the configuration, since another program may succeed, too, and
 *    it also looks whether this process has the privilege that its configuration needs; if not, its
 *    status is EX_NOPERM.
 * 2. Nobody is accepted and no link is read until what is under way is over.
 * 3. The process executes the new program, which gets the listening sockets. Clients that connect
 *    meanwhile wait in these.
 * 4. The new program takes the pumps over as if the zcrxd before had been killed. They ask again
 *    what was not answered. NICs stay as they are.
 *
 * If something is in the way, this program goes on, nothing has changed, and the log and the status
 * say what it was.
 */
#ifndef ZCRXD_UPGRADE_H
#define ZCRXD_UPGRADE_H

#include <systemd/sd-event.h>

#include "daemon/broker/broker.h"
#include "policy/config.h"

#define UPGRADE_CHECK "upgrade"
#define UPGRADE_NAME  "zcrxd " /* what it then prints first; the version follows */

struct upgrade {
	struct broker *broker;        /* borrowed, as are the next two */
	const struct config *started; /* the configuration that this process was started with */
	char **argv;                  /* the new program gets the same */

	char *program;
	pid_t check;       /* the process of the new program's --check; 0: it does not run */
	int said;          /* the pipe that it prints to; only while check is not 0 */
	uint64_t since_ns; /* when step 2 began */
	bool told;         /* the log says that this step takes long */
	sd_event_source *checked, *late, *look;
};

/*
 * Listens for SIGUSR2, which the caller has blocked. To be called before the working directory
 * changes. The caller has filled in what is borrowed. Returns 0 or a negative errno.
 */
int upgrade_init(struct upgrade *u, sd_event *event);
void upgrade_done(struct upgrade *u);

#endif
