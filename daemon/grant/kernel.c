/* SPDX-License-Identifier: MIT */
/*
 * Seccomp filters and security modules can deny each of io_uring's three calls by itself, with an
 * errno of their choice. The first client would take that for a want of memory. So zcrxd tries each
 * call at its start.
 */
#include "daemon/grant/kernel.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "daemon/common/log.h"
#include "nic/holes.h"
#include "proto/msg.h"

static char zcrx_refusal[MSG_TEXT_BYTES]; /* "": nothing is known against zcrx */

/* Only a filter or a module refuses these calls. */
static int denied(const char *call, int error)
{
	log_error("%s is denied here (%s) by a seccomp filter or a security module: allow "
		  "io_uring_setup, io_uring_register and io_uring_enter, for containers in their "
		  "seccomp profile",
		  call, strerrordesc_np(-error));
	return error;
}

/* Logs why there is no ring. */
static int setup_failed(int error)
{
	if (error == -EPERM || error == -ENOSYS || error == -EACCES)
		log_error("io_uring_setup is denied here (%s): set kernel.io_uring_disabled=0, or "
			  "kernel.io_uring_group to a group of zcrxd's, and allow io_uring_setup, "
			  "io_uring_register and io_uring_enter in the seccomp profile of a "
			  "container and to security modules",
			  strerrordesc_np(-error));
	else if (error == -ENOMEM)
		log_error("no memory for an io_uring: raise LimitMEMLOCK of zcrxd.service, or end "
			  "other io_uring programs of its user");
	else
		log_error("io_uring cannot be used: %s", strerrordesc_np(-error));
	return error;
}

static int uring_try(void)
{
	struct io_uring ring;
	int r = io_uring_queue_init(2, &ring,
				    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (r < 0)
		return setup_failed(r);
	struct io_uring_probe probe = {0};
	r = io_uring_register_probe(&ring, &probe, 0);
	if (r < 0)
		denied("io_uring_register", r);
	else if ((r = io_uring_get_events(&ring)) < 0)
		denied("io_uring_enter", r);
	io_uring_queue_exit(&ring);
	return r < 0 ? r : 0;
}

static void zcrx_judge(const char *release, uint32_t holes)
{
	char names[64];
	if (!holes)
		return;
	holes_names(holes, names, sizeof(names));
	snprintf(
		zcrx_refusal, sizeof(zcrx_refusal),
		"zcrx of Linux %.40s has holes that clients can reach: %s. Boot a kernel without, or "
		"see fixed-in-this-kernel in zcrxd.conf(5).",
		release, names);
}

int kernel_check(uint32_t fixed_holes)
{
	struct utsname kernel;
	uname(&kernel);
	struct kernel_version v = kernel_version_parse(kernel.release);
	if (v.major < 6 || (v.major == 6 && v.minor < 12)) {
		log_error("Linux %s is too old: zcrxd needs 6.12 or newer", kernel.release);
		return -ENOSYS;
	}
	zcrx_judge(kernel.release, holes_of(v) & ~fixed_holes);
	return uring_try();
}

const char *kernel_refuses_zcrx(void)
{
	return *zcrx_refusal ? zcrx_refusal : NULL;
}
