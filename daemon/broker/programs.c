/* SPDX-License-Identifier: MIT */
#include "daemon/broker/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/common/log.h"

/* place: from the folder that zcrxd is in, "" or with a slash at its end. For free(). */
static char *path_make(const char *zcrxd, const char *place, const char *name)
{
	int folder = (int)(strrchr(zcrxd, '/') - zcrxd);
	char *path;
	return asprintf(&path, "%.*s/%s%s", folder, zcrxd, place, name) < 0 ? NULL : path;
}

static int can_execute(const char *path)
{
	return access(path, X_OK) < 0 ? -errno : 0;
}

char *program_path(const char *name)
{
	_cleanup_(freep) char *zcrxd = realpath("/proc/self/exe", NULL);
	if (!zcrxd) {
		log_error("%s cannot be looked for: /proc/self/exe: %s", name,
			  strerrordesc_np(errno));
		return NULL;
	}
	_cleanup_(freep) char *beside = path_make(zcrxd, "", name);
	_cleanup_(freep) char *installed = path_make(zcrxd, ZCRXD_LIBEXEC_FROM_SBIN "/", name);
	if (!beside || !installed) {
		log_error("%s cannot be looked for: %s", name, strerrordesc_np(ENOMEM));
		return NULL;
	}
	int r = can_execute(beside), r_installed = r < 0 ? can_execute(installed) : 0;
	if (r < 0 && r_installed < 0) {
		log_error("zcrxd needs %s, and can execute neither %s (%s) nor %s (%s)", name,
			  beside, strerrordesc_np(-r), installed, strerrordesc_np(-r_installed));
		return NULL;
	}
	return strdup(r == 0 ? beside : installed);
}

int programs_check(void)
{
	_cleanup_(freep) char *pump = program_path(PROGRAM_PUMP);
	_cleanup_(freep) char *hand = program_path(PROGRAM_HAND);
	return pump && hand ? 0 : -ENOENT;
}
