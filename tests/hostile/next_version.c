/* SPDX-License-Identifier: MIT */
/* Of the zcrxd that another one is upgraded to. */
#include "daemon/common/version.h"

const char zcrxd_version[] = "next";
