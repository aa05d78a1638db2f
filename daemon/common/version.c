/* SPDX-License-Identifier: MIT */
#include "daemon/common/version.h"

const char zcrxd_version[] = ZCRXD_VERSION;
