/* SPDX-License-Identifier: MIT */
#include "tools/ctl/settings.h"

#include <errno.h>
#include <string.h>

#include "policy/config_file.h"

int settings_read(struct config *c, const char *path)
{
	const char *name = path ? path : SETTINGS_PATH;
	int r = config_init(c);

	if (r == 0)
		r = config_read(c, name);
	if (r == -ENOENT && !path)
		r = 0;
	else if (r < 0 && r != -EINVAL)
		fprintf(stderr, "zcrxctl: %s: %s\n", name, strerrordesc_np(-r));
	return r;
}
