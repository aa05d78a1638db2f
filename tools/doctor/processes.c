/* SPDX-License-Identifier: MIT */
/*
 * Who may be holding a queue. The kernel does not say which process a binding belongs to, so this
 * looks for processes that could: it is certain only of a ring with a zero-copy receive in flight,
 * which fdinfo shows. Best effort, and of other users' processes only root sees anything.
 */
#include "gather.h"
#include "procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_net_admin(int proc)
{
	uint64_t caps;

	return !procfs_field(proc, "status", "CapEff:", 16, &caps) && caps >> CAP_NET_ADMIN & 1;
}

static bool ring_receives(int proc, const char *fd_name)
{
	char path[64], line[256], want[32];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "fdinfo/%.16s", fd_name);
	snprintf(want, sizeof(want), "op=%d,", IORING_OP_RECV_ZC);
	f = procfs_open(proc, path);
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, want);
	fclose(f);
	return found;
}

static void fds_look(struct process_facts *p, int proc, DIR *fds)
{
	bool socket = false, dmabuf = false;
	struct dirent *d;

	while ((d = readdir(fds))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		char target[64];
		ssize_t n = readlinkat(dirfd(fds), d->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, "anon_inode:[io_uring]") == 0) {
			p->ring = true;
			p->recv_zc = p->recv_zc || ring_receives(proc, d->d_name);
		} else if (strncmp(target, "/dmabuf:", 8) == 0) {
			dmabuf = true;
		} else if (strncmp(target, "socket:", 7) == 0) {
			socket = true;
		}
	}
	p->dmabuf = dmabuf && socket;
}

static void comm_read(struct process_facts *p, int proc)
{
	FILE *f;

	f = procfs_open(proc, "comm");
	if (!f)
		return;
	if (!fgets(p->comm, sizeof(p->comm), f))
		p->comm[0] = '\0';
	fclose(f);
	p->comm[strcspn(p->comm, "\n")] = '\0';
	/* A process names itself: nothing of it may reach the terminal as a control sequence. */
	for (char *c = p->comm; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static void process_add(struct machine_facts *m, const struct process_facts *p)
{
	struct process_facts *list;

	list = reallocarray(m->processes, m->n_processes + 1, sizeof(*list));
	if (!list)
		return;
	list[m->n_processes++] = *p;
	m->processes = list;
}

static void process_look(struct machine_facts *m, int proc, pid_t pid)
{
	struct process_facts p = {.pid = pid};
	DIR *fds;
	int fd;

	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = fd < 0 ? NULL : fdopendir(fd);
	if (!fds) {
		if (errno == EACCES || errno == EPERM)
			m->processes_hidden = true;
		if (fd >= 0)
			close(fd);
		return;
	}
	fds_look(&p, proc, fds);
	closedir(fds);
	if (!p.recv_zc && (!(p.ring || p.dmabuf) || !has_net_admin(proc)))
		return;
	comm_read(&p, proc);
	process_add(m, &p);
}

void processes_gather(struct machine_facts *machine)
{
	struct dirent *d;
	DIR *procs;

	procs = opendir("/proc");
	if (!procs) {
		machine->processes_hidden = true;
		return;
	}
	while ((d = readdir(procs))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		char *end;
		long pid = strtol(d->d_name, &end, 10);
		int fd;

		if (pid <= 0 || *end)
			continue;
		fd = openat(dirfd(procs), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		process_look(machine, fd, (pid_t)pid);
		close(fd);
	}
	closedir(procs);
}
