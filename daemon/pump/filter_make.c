/* SPDX-License-Identifier: MIT */
/*
 * This program runs while zcrxd is built, and writes the filters of filter.c as a header: so
 * libseccomp takes no memory of pumps, and no time when a client connects.
 *
 * No call of the list takes a path, makes a socket that reaches anything, names another process, or
 * changes what this process is. A filter sees the arguments of a call, not the memory that they
 * point to. So a call is left out if only such memory tells harmless calls of it from others
 * (newfstatat(), clone3()).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/size.h"
#include "daemon/link/start.h"
#include "daemon/pump/filter.h"

#ifndef SO_PASSRIGHTS /* older C libraries */
#define SO_PASSRIGHTS 83
#endif
#ifndef SO_DEVMEM_DONTNEED
#define SO_DEVMEM_DONTNEED 80
#endif

#define IS(arg, value)   SCMP_CMP64(arg, SCMP_CMP_EQ, (scmp_datum_t)(value), 0)
#define IS32(arg, value) SCMP_CMP64(arg, SCMP_CMP_EQ, (uint32_t)(value), 0)
#define NOT(arg, bits)   SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bits, 0)
#define ONLY(arg, bits)  SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, (uint32_t) ~(bits), 0)

#define CALL(name)            .call = SCMP_SYS(name)
#define CALL1(name, one)      .call = SCMP_SYS(name), .n = 1, .args[0] = one
#define CALL2(name, one, two) .call = SCMP_SYS(name), .n = 2, .args[0] = one, .args[1] = two
#define REGISTER(operation)   CALL1(io_uring_register, IS32(1, IORING_##operation))
#define OPTION(option)        CALL2(setsockopt, IS32(1, SOL_SOCKET), IS32(2, option))

/* What the C library starts a thread with. */
#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

struct allowed {
	int call;
	unsigned n;
	struct scmp_arg_cmp args[2];
};

static const struct allowed list[] = {
	/* descriptors */
	{CALL(read)},
	{CALL(write)},
	{CALL(close)},
	{CALL(fstat)},
	{CALL(fstatfs)},
	{CALL(lseek)},
	{CALL1(fcntl, IS32(1, F_DUPFD_CLOEXEC))},
	{CALL1(fcntl, IS32(1, F_GETFL))},
	{CALL1(fcntl, IS32(1, F_GET_SEALS))},
	{CALL1(fcntl, IS32(1, F_ADD_SEALS))},
	{CALL1(ioctl, IS32(1, FIONREAD))},
	{CALL1(ioctl, IS32(1, TIOCOUTQ))},        /* how much of its messages was not read yet */
	{CALL1(ioctl, IS32(1, UFFDIO_REGISTER))}, /* the mapping of an area */
	/* The next broker's link takes the place of the last one's. */
	{CALL1(dup3, IS32(1, START_LINK))},
	{CALL1(dup3, IS32(1, START_NEXT))},
	/* waiting */
	{CALL(epoll_create1)},
	{CALL(epoll_ctl)},
	{CALL(epoll_wait)},
	{CALL(epoll_pwait)},
	{CALL(epoll_pwait2)},
	{CALL(eventfd2)},
	{CALL(poll)},
	{CALL(ppoll)},
	{CALL(clock_gettime)},
	{CALL(clock_nanosleep)},
	{CALL(nanosleep)},
	{CALL(restart_syscall)},
	/* sockets that it was given */
	{CALL1(recvfrom, IS(4, 0))},
	{CALL(recvmsg)},
	{CALL2(sendto, IS(4, 0), ONLY(3, MSG_NOSIGNAL | MSG_DONTWAIT))},
	{CALL1(sendmsg,
	       ONLY(2, MSG_NOSIGNAL | MSG_DONTWAIT))}, /* not MSG_FASTOPEN, which connects */
	{CALL(shutdown)},
	{CALL(getsockopt)},
	{CALL(getsockname)},
	{CALL(getpeername)},
	{OPTION(SO_LINGER)},
	{OPTION(SO_RCVBUF)},
	{OPTION(SO_BUF_LOCK)},
	{OPTION(SO_SNDBUF)},
	{OPTION(SO_RCVLOWAT)},
	{OPTION(SO_SNDTIMEO)},
	{OPTION(SO_PASSRIGHTS)},
	{OPTION(SO_DEVMEM_DONTNEED)},
	/* socket_abort(), which disconnects. No unix address is as long as this; and Landlock lets
	   TCP disconnect, but not connect. */
	{CALL1(connect, IS32(2, sizeof(struct sockaddr_storage)))},
	{CALL2(socketpair, IS32(0, AF_UNIX), IS32(1, SOCK_SEQPACKET | SOCK_CLOEXEC))},
	{CALL2(socketpair, IS32(0, AF_UNIX),
	       IS32(1, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK))},
	/* rings */
	{CALL(io_uring_enter)},
	{REGISTER(REGISTER_ENABLE_RINGS)},
	{REGISTER(REGISTER_RESTRICTIONS)},
	{REGISTER(REGISTER_EVENTFD)},
	{REGISTER(REGISTER_EVENTFD_ASYNC)},
	{REGISTER(REGISTER_PBUF_RING)},
	{REGISTER(REGISTER_PBUF_STATUS)},
	{REGISTER(REGISTER_SYNC_CANCEL)},
	{REGISTER(REGISTER_QUERY)},
	{REGISTER(REGISTER_ZCRX_CTRL)},
	/* memory, none of it executable */
	{CALL1(mmap, NOT(2, PROT_EXEC))},
	{CALL1(mprotect, NOT(2, PROT_EXEC))},
	{CALL(munmap)},
	{CALL(mremap)},
	{CALL(madvise)},
	{CALL(brk)},
	{CALL(getrandom)},
	/* threads, and the end */
	{CALL1(clone, IS(0, THREAD_FLAGS))},
	{CALL(set_robust_list)},
	{CALL(rseq)},
	{CALL(futex)},
	{CALL(sched_yield)},
	{CALL(getpid)},
	{CALL(gettid)},
	{CALL(rt_sigprocmask)},
	{CALL1(rt_sigaction,
	       IS32(0, __SIGRTMIN + 1))}, /* the C library, when it starts the first thread */
	{CALL(rt_sigreturn)},
	{CALL(exit)},
	{CALL(exit_group)},
	{CALL2(prlimit64, IS32(0, 0), IS(2, 0))}, /* reads its own */
	{CALL1(prctl, IS32(0, PR_SET_NAME))},
};

/* What the ring-maker needs to make rings, and to read and answer the calls that want one. */
static const struct allowed maker_list[] = {
	{CALL1(ioctl, IS32(1, SECCOMP_IOCTL_NOTIF_RECV))},
	{CALL1(ioctl, IS32(1, SECCOMP_IOCTL_NOTIF_SEND))},
	{CALL1(ioctl, IS32(1, SECCOMP_IOCTL_NOTIF_ADDFD))},
	{CALL(poll)},
	{CALL(recvmsg)},
	{CALL1(sendmsg, ONLY(2, MSG_NOSIGNAL | MSG_DONTWAIT))},
	{CALL(io_uring_setup)},
	{REGISTER(REGISTER_RESTRICTIONS)},
	{CALL(memfd_create)},
	{CALL(ftruncate)},
	{CALL(fstatfs)},
	{CALL(close)},
	{CALL1(mmap, NOT(2, PROT_EXEC))},
	{CALL(munmap)},
	{CALL(madvise)},
	{CALL(brk)},
	{CALL(restart_syscall)},
	{CALL(exit_group)},
};

static int fill(scmp_filter_ctx f, const struct allowed *calls, size_t n)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, calls[i].call, calls[i].n,
					   calls[i].args);
	return r;
}

/* Calls that the list cannot say: what is done differs, or the number is not known yet. */
static int fill_rest(scmp_filter_ctx f, enum filter_rings rings)
{
	uint32_t action = rings == FILTER_RINGS_MADE ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW;
	int r = seccomp_rule_add(f, action, SCMP_SYS(io_uring_setup), 0);
	/* abort() sends a signal to its own process, whose number is filled in when it is loaded.
	 */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     IS32(0, FILTER_OWN_PID));
	/* clone3() has its flags in memory. After ENOSYS the C library uses clone(). */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

/* The array `name` of the header. */
static int print_program(FILE *to, scmp_filter_ctx f, const char *name)
{
	struct sock_filter at;
	FILE *program = tmpfile();
	int r = program ? seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -errno;
	if (r == 0)
		r = seccomp_export_bpf(f, fileno(program));
	if (r < 0)
		return r;
	rewind(program);
	fprintf(to, "static const struct sock_filter %s[] = {\n", name);
	while (fread(&at, sizeof(at), 1, program) == 1)
		fprintf(to, "\t{%#x, %u, %u, %#x},\n", at.code, at.jt, at.jf, at.k);
	fprintf(to, "};\n");
	fclose(program);
	return 0;
}

static int print_pump(FILE *to, enum filter_rings rings, const char *name)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);
	int r = f ? fill(f, list, ARRAY_LENGTH(list)) : -ENOMEM;
	if (r == 0)
		r = fill_rest(f, rings);
	if (r == 0)
		r = print_program(to, f, name);
	seccomp_release(f);
	return r;
}

static int print_maker(FILE *to, const char *name)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = f ? fill(f, maker_list, ARRAY_LENGTH(maker_list)) : -ENOMEM;
	if (r == 0)
		r = print_program(to, f, name);
	seccomp_release(f);
	return r;
}

int main(int argc, char **argv)
{
	FILE *to = argc == 2 ? fopen(argv[1], "we") : NULL;
	int r = to ? 0 : -errno;
	if (r == 0 && fputs("#include <linux/filter.h>\n", to) < 0)
		r = -EIO;
	if (r == 0)
		r = print_pump(to, FILTER_RINGS_HERE, "rings_here");
	if (r == 0)
		r = print_pump(to, FILTER_RINGS_MADE, "rings_made");
	if (r == 0)
		r = print_maker(to, "ring_maker");
	if (r == 0 && fclose(to) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "zcrx-filter-make: %s\n", strerrordesc_np(-r));
	return EXIT_FAILURE;
}
