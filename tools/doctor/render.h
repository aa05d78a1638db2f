/* SPDX-License-Identifier: MIT */
/* The two ways to print a diagnosis. Whether it could be written is to be asked of the stream. */
#ifndef ZCRX_DOCTOR_RENDER_H
#define ZCRX_DOCTOR_RENDER_H

#include "tools/doctor/report.h"

#include <stdio.h>

void render_table(const struct diagnosis *d, FILE *out);
/* Returns 0 or -ENOMEM. */
int render_json(const struct diagnosis *d, FILE *out);

#endif
