/* SPDX-License-Identifier: MIT */
#include "daemon/link/link.h"

const uint32_t link_version = 2, link_oldest = 1;
