/* SPDX-License-Identifier: MIT */
/*
 * Makes zcrx-pump, which is linked with this, give the tokens of devmem queues back as BENCH_PACING
 * says: BATCH-TURN_MAX-LOW_WATER_PART (daemon/backend/giveback.h). For bench/vm --pacing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/backend/devmem.h"

/* Reads one number, and the character that follows it. */
static bool number(const char **at, char end, uint32_t *ret)
{
	char *behind;
	unsigned long n = strtoul(*at, &behind, 10);
	bool good = behind > *at && *behind == end && n <= UINT32_MAX;
	*ret = (uint32_t)n;
	*at = behind + 1;
	return good;
}

/* Before main(), which knows nothing of this. */
__attribute__((constructor)) static void tune(void)
{
	static struct giveback_tuning t;
	const char *at = getenv("BENCH_PACING"); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (!at || !number(&at, '-', &t.batch) || !number(&at, '-', &t.turn_max) ||
	    !number(&at, '\0', &t.low_water_part) || t.low_water_part == 0) {
		fprintf(stderr, "BENCH_PACING must be BATCH-TURN_MAX-LOW_WATER_PART.\n");
		exit(2); /* NOLINT(concurrency-mt-unsafe): one thread */
	}
	devmem_tune(&t);
}
