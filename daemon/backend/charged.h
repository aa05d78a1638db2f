/* SPDX-License-Identifier: MIT */
/* What a client is told if something could not be charged to its user. */
#ifndef ZCRXD_CHARGED_H
#define ZCRXD_CHARGED_H

#include <stdint.h>

#include "daemon/common/answer.h"

/*
 * The reason for an error of account_charge(), files_charge(), files_new() or files_account(),
 * whose `why` was a->text. Fills the answer in with the error and the sentence.
 */
uint32_t charge_refused(int error, struct answer *a);

#endif
