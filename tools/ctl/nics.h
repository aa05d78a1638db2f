/* SPDX-License-Identifier: MIT */
/*
 * The commands about network interfaces that zcrxd changes: plan and restore. argv[0] is the
 * command.
 */
#ifndef ZCRX_CTL_NICS_H
#define ZCRX_CTL_NICS_H

int plan_main(int argc, char **argv);
int restore_main(int argc, char **argv);

#endif
