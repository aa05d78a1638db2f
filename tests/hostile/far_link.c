/* SPDX-License-Identifier: MIT */
/* A release whose broker does not understand the pumps of this one, nor its pumps this broker. */
#include "daemon/common/version.h"
#include "daemon/link/link.h"

const char zcrxd_version[] = "far";
const uint32_t link_version = 9, link_oldest = 8;
