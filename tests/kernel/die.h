/* SPDX-License-Identifier: MIT */
/* How the programs that run in the VM end: with a sentence, and status 1, or 77 for a skip. */
#ifndef TESTS_KERNEL_DIE_H
#define TESTS_KERNEL_DIE_H

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
