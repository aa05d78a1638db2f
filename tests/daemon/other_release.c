/* SPDX-License-Identifier: MIT */
/* Preloaded into a program, it makes it believe to run on the kernel $OTHER_RELEASE. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

__attribute__((visibility("default"))) int uname(struct utsname *ret)
{
	const char *release = getenv("OTHER_RELEASE");
	long r = syscall(SYS_uname, ret);
	if (r == 0 && release)
		snprintf(ret->release, sizeof(ret->release), "%s", release);
	return (int)r;
}
