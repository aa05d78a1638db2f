/* SPDX-License-Identifier: MIT */
/*
 * SIGUSR2: the program that lies at zcrxd's path by now is executed by this process. Before that
 * the program has to say that it can be executed and takes the configuration (--check), and what is
 * under way here has to be over. Clients that connect meanwhile wait in the listening sockets,
 * which stay; the program takes the pumps over as those of a zcrxd that was killed, and what they
 * asked for and got no answer to they ask again. NICs stay as they are.
 *
 * If something is in the way, nothing has changed, and the log and the status say what it is.
 */
#ifndef ZCRXD_UPGRADE_H
#define ZCRXD_UPGRADE_H

#include <systemd/sd-event.h>

#include "daemon/broker/broker.h"
#include "policy/config.h"

struct upgrade {
	struct broker *broker; /* borrowed, as all of these */
	const struct config *started;
	char **argv; /* the new program gets the same */

	char *program;
	pid_t check; /* the new program's --check runs; or 0 */
	uint64_t since_ns;
	sd_event_source *checked, *late, *look;
};

/*
 * Listens for SIGUSR2, which is blocked. To be called before the working directory changes; what is
 * borrowed is there already. Returns 0 or a negative errno.
 */
int upgrade_init(struct upgrade *u, sd_event *event);
void upgrade_done(struct upgrade *u);

#endif
