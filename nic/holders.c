/* SPDX-License-Identifier: MIT */
#include "nic/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/nic.h"
#include "nic/procfs.h"

#define SHOWN_MAX 3

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

static void fds_look(struct nic_holder *p, int proc, DIR *fds)
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

static void comm_read(struct nic_holder *p, int proc)
{
	FILE *f;

	f = procfs_open(proc, "comm");
	if (!f)
		return;
	if (!fgets(p->comm, sizeof(p->comm), f))
		p->comm[0] = '\0';
	fclose(f);
	p->comm[strcspn(p->comm, "\n")] = '\0';
	/* A process chooses its name, which must not reach the terminal as a control sequence. */
	for (char *c = p->comm; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static void process_add(struct nic_holders *h, const struct nic_holder *p)
{
	struct nic_holder *list;

	list = reallocarray(h->list, h->n + 1, sizeof(*list));
	if (!list)
		return;
	list[h->n++] = *p;
	h->list = list;
}

static void process_look(struct nic_holders *h, int proc, pid_t pid)
{
	struct nic_holder p = {.pid = pid};
	DIR *fds;
	int fd;

	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = fd < 0 ? NULL : fdopendir(fd);
	if (!fds) {
		if (errno == EACCES || errno == EPERM)
			h->hidden = true;
		if (fd >= 0)
			close(fd);
		return;
	}
	fds_look(&p, proc, fds);
	closedir(fds);
	if (!p.recv_zc && (!(p.ring || p.dmabuf) || !has_net_admin(proc)))
		return;
	comm_read(&p, proc);
	process_add(h, &p);
}

void nic_holders_get(struct nic_holders *ret)
{
	struct dirent *d;
	DIR *procs;

	*ret = (struct nic_holders){0};
	procs = opendir("/proc");
	if (!procs) {
		ret->hidden = true;
		return;
	}
	while ((d = readdir(procs))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		char *end;
		long pid = strtol(d->d_name, &end, 10);
		int fd;

		if (pid <= 0 || *end || pid == getpid())
			continue;
		fd = openat(dirfd(procs), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		process_look(ret, fd, (pid_t)pid);
		close(fd);
	}
	closedir(procs);
}

void nic_holders_done(struct nic_holders *h)
{
	free(h->list);
	*h = (struct nic_holders){0};
}

/* ---- saying who they are ---- */

static bool may_hold(const struct nic_holder *p, const struct queue_facts *q, bool sure)
{
	if (q->io_uring)
		return sure ? p->recv_zc : p->ring;
	return p->dmabuf && !sure;
}

/* Names the processes that hold, or could hold, the queue. Returns how many there are. */
static unsigned list_text(const struct nic_holders *h, const struct queue_facts *q, bool sure,
			  char *buf, size_t size)
{
	unsigned n = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < h->n; i++) {
		const struct nic_holder *p = &h->list[i];
		size_t at = strlen(buf);

		if (!may_hold(p, q, sure))
			continue;
		if (n++ < SHOWN_MAX)
			snprintf(buf + at, size - at, "%spid %d (%s)", n > 1 ? ", " : "",
				 (int)p->pid, p->comm);
		else if (n == SHOWN_MAX + 1)
			snprintf(buf + at, size - at, ", ...");
	}
	return n;
}

void nic_holders_say(const struct nic_holders *h, const struct queue_facts *q, char *ret,
		     size_t size)
{
	char what[48] = "io_uring zcrx", who[128];

	if (!q->io_uring && !q->dmabuf) {
		snprintf(ret, size, "%s",
			 q->leased ? "a device it is leased to" : "an AF_XDP socket");
		return;
	}
	if (!q->io_uring)
		snprintf(what, sizeof(what), "devmem binding (dma-buf id %" PRIu32 ")",
			 q->dmabuf_id);
	if (list_text(h, q, true, who, sizeof(who)))
		snprintf(ret, size, "%s, %s", what, who);
	else if (list_text(h, q, false, who, sizeof(who)))
		snprintf(ret, size, "%s, probably %s", what, who);
	else
		snprintf(ret, size, "%s, by a process %s", what,
			 h->hidden ? "hidden from here (zcrxctl doctor shows it to root)"
				   : "that is not to be seen from here");
}
