/* SPDX-License-Identifier: MIT */
/*
 * `zcrxctl doctor`: says what of zero-copy receive works on this machine, and what to do about the
 * rest. It needs no daemon and no privilege, and changes nothing. It gathers facts (one file for
 * each source) into struct facts (facts.h, plain data), judges them (a pure function from facts to
 * findings), and renders the findings as a table or as JSON.
 */
#ifndef ZCRX_DOCTOR_H
#define ZCRX_DOCTOR_H

#include "nic/say.h"

/*
 * argv[0] is the name of the command. Returns the exit status: 0 ready for zero copy, 1 copy only,
 * 2 broken or called wrongly.
 */
int doctor_main(int argc, char **argv);

/*
 * Says what keeps queues of this NIC from being leased: what it lacks, and what its owner has to
 * change first. Returns how many things it lacks for good, or a negative errno with nothing said.
 */
int doctor_lacks(const char *nic, nic_say say);

#endif
