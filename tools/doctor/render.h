/* SPDX-License-Identifier: MIT */
/* The two ways to print a diagnosis. Each returns 0 or a negative errno. */
#ifndef ZCRX_DOCTOR_RENDER_H
#define ZCRX_DOCTOR_RENDER_H

#include "tools/doctor/report.h"

#include <stdio.h>

int render_table(const struct diagnosis *d, FILE *out);
int render_json(const struct diagnosis *d, FILE *out);

#endif
