/* SPDX-License-Identifier: MIT */
/*
 * Makes zcrxd, which is linked with this, give the tokens of devmem queues back as BENCH_PACING
 * says: BATCH-TURN_MAX-LOW_WATER_PART (daemon/backend/giveback.h). For bench/vm --pacing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/backend/devmem.h"

__attribute__((constructor)) static void tune(void)
{
	static struct giveback_tuning tuning;
	const char *pacing = getenv("BENCH_PACING");
	int n = pacing ? sscanf(pacing, "%u-%u-%u", &tuning.batch, &tuning.turn_max,
				&tuning.low_water_part)
		       : 0;
	if (n != 3 || tuning.low_water_part == 0) {
		fprintf(stderr, "BENCH_PACING must be BATCH-TURN_MAX-LOW_WATER_PART.\n");
		exit(2);
	}
	devmem_tune(&tuning);
}
