/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/pump/sandbox.h"
#include "tests/sandbox/attack.h"

#define ATTACKER 64998 /* a user that has nothing else */

static struct sockaddr_storage loopback(int family)
{
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
	if (family == AF_INET)
		((struct sockaddr_in *)(void *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)(void *)&a)->sin6_addr = in6addr_loopback;
	return a;
}

/* The address of a new socket that is bound to the loopback, and listens if it can. */
static struct sockaddr_storage server(int family, int type)
{
	struct sockaddr_storage a = loopback(family);
	socklen_t bytes = sizeof(a);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&a,
		 family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) < 0)
		err(2, "a server on the loopback, family %d", family);
	if (type == SOCK_STREAM && listen(fd, 512) < 0)
		err(2, "listen");
	getsockname(fd, (struct sockaddr *)&a, &bytes);
	return a;
}

static socklen_t unix_server(struct sockaddr_storage *ret, int type, const char *name,
			     bool abstract)
{
	struct sockaddr_un *a = (void *)ret;
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(a->sun_path + abstract, sizeof(a->sun_path) - 1, "%s", name);
	socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract +
				      strlen(name) + !abstract);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)a, bytes) < 0)
		err(2, "a unix server");
	if (type == SOCK_STREAM && listen(fd, 512) < 0)
		err(2, "listen");
	return bytes;
}

/* Another client's pump. */
static pid_t sibling_start(void)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0)
		err(2, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox s;
		close(ready[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int r = sandbox_enter(&s);
		if (r < 0)
			errx(2, "the other pump's sandbox: %s", strerrordesc_np(-r));
		(void)!write(ready[1], "x", 1);
		for (;;)
			poll(NULL, 0, -1);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		errx(2, "no other pump");
	close(ready[0]);
	return pid;
}

static void become_attacker(void)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(ATTACKER) < 0 || setuid(ATTACKER) < 0))
		err(2, "setuid");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as a program is that its user may read */
	signal(SIGUSR1, SIG_IGN);
}

void world_servers(struct world *w)
{
	*w = (struct world){.folder = "/tmp/zcrx-sandbox.XXXXXX"};
	if (!mkdtemp(w->folder) || chdir(w->folder) < 0)
		err(2, "%s", w->folder);
	snprintf(w->file, sizeof(w->file), "%s/file", w->folder);
	close(open(w->file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	w->tcp4 = server(AF_INET, SOCK_STREAM);
	w->tcp6 = server(AF_INET6, SOCK_STREAM);
	w->udp = server(AF_INET, SOCK_DGRAM);
	w->any4 = loopback(AF_INET);
	w->any6 = loopback(AF_INET6);
	w->path_bytes = unix_server(&w->path, SOCK_STREAM, "s", false);
	w->datagram_path_bytes = unix_server(&w->datagram_path, SOCK_DGRAM, "d", false);
	w->abstract_bytes = unix_server(&w->abstract, SOCK_STREAM, w->folder, true);
}

void world_make(struct world *w)
{
	become_attacker();
	world_servers(w);
	w->parent = getpid();
	w->sibling = sibling_start();
}

void world_end(const struct world *w)
{
	static const char *const names[] = {"file",  "s",    "d",    "victim",
					    "moved", "made", "link", "fifo"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(names[i]);
	if (chdir("/") == 0)
		rmdir(w->folder);
}

static void descriptor_make(int fd, int at)
{
	if (fd >= 0 && dup3(fd, at, O_CLOEXEC) >= 0)
		close(fd);
}

void descriptors_make(void)
{
	descriptor_make(socket(AF_INET, SOCK_STREAM, 0), FD_TCP4);
	descriptor_make(socket(AF_INET6, SOCK_STREAM, 0), FD_TCP6);
	descriptor_make(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), FD_MPTCP);
	descriptor_make(socket(AF_INET, SOCK_DGRAM, 0), FD_UDP);
	descriptor_make(socket(AF_NETLINK, SOCK_RAW, 0), FD_NETLINK);
	descriptor_make(socket(AF_UNIX, SOCK_STREAM, 0), FD_UNIX);
	descriptor_make(socket(AF_UNIX, SOCK_DGRAM, 0), FD_UNIX_DATAGRAM);
	descriptor_make(memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING), FD_MEMFD);
	remove("moved");
	remove("made");
	remove("link");
	remove("fifo");
	close(open("victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}
