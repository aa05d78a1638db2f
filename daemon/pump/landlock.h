/* SPDX-License-Identifier: MIT */
/*
 * The first layer of the sandbox: Landlock, which acts in the kernel's security hooks and so binds
 * system calls and what a ring submits alike.
 */
#ifndef ZCRXD_LANDLOCK_H
#define ZCRXD_LANDLOCK_H

/*
 * Denies the calling thread all that Landlock can deny on this kernel: every access to files by
 * path, TCP and UDP addresses, and, outside the domain, signals and unix sockets. Needs
 * no_new_privs. Returns the kernel's ABI version, 0 if it has no Landlock or was booted without, or
 * a negative errno.
 */
int landlock_enter(void);

#endif
