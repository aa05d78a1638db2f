/* SPDX-License-Identifier: MIT */
#include "tools/cat/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	/*
	 * poll() says that a terminal is writable if it has room for 256 bytes, and the terminal
	 * may make eight bytes of one (a tab).
	 */
	TERMINAL_BYTES = 32
};

struct sink {
	int fd;            /* -1: the payload goes nowhere */
	bool has_reader;   /* it is a pipe, a socket or a terminal */
	bool never_nowait; /* the kernel has no RWF_NOWAIT for it */
	size_t fits;       /* bytes that a write() takes at once if poll() says it is writable */
	EVP_MD_CTX *md;    /* NULL: no hash is wanted */
};

/* Sees what kind of file it writes to. */
static void sink_know(struct sink *s)
{
	bool is_terminal = isatty(s->fd);
	struct stat st;

	s->fits = is_terminal ? TERMINAL_BYTES : PIPE_BUF;
	s->has_reader = is_terminal ||
			(fstat(s->fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

int sink_open(struct sink **ret, const char *path, bool sha256)
{
	struct sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	if (sha256) {
		s->md = EVP_MD_CTX_new();
		if (!s->md || EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) != 1) {
			sink_close(s);
			return -ENOMEM;
		}
	}
	if (path && strcmp(path, "-") == 0)
		s->fd = STDOUT_FILENO;
	else if (path)
		s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (path && s->fd < 0) {
		r = -errno;
		sink_close(s);
		return r;
	}
	if (path)
		sink_know(s);
	*ret = s;
	return 0;
}

/*
 * Writes some of the data. If there is a reader, the write must not block: if the signal that
 * should end it came just before, it would block for ever. RWF_NOWAIT sees to that for sockets and
 * for pipes of pipe(2). The kernel refuses it for pipes that were opened by a path and for
 * terminals: there poll() waits until some bytes fit, and no more than these are written. Returns
 * how many were written, or a negative errno.
 */
static ssize_t write_some(struct sink *s, const struct waiter *w, const void *data, size_t bytes)
{
	const struct iovec iov = {(void *)(uintptr_t)data, bytes};
	ssize_t n;
	int r;

	if (s->has_reader && !s->never_nowait) {
		n = pwritev2(s->fd, &iov, 1, -1, RWF_NOWAIT);
		if (n >= 0 || errno != EOPNOTSUPP)
			return n < 0 ? -errno : n;
		s->never_nowait = true;
	}
	if (s->has_reader) {
		r = waiter_poll(w, s->fd, POLLOUT, -1);
		if (r < 0)
			return r;
		bytes = bytes < s->fits ? bytes : s->fits;
	}
	n = write(s->fd, data, bytes);
	return n < 0 ? -errno : n;
}

int sink_write(struct sink *s, const struct waiter *w, const void *data, size_t bytes)
{
	const char *p = data;

	if (s->md)
		EVP_DigestUpdate(s->md, data, bytes);
	while (s->fd >= 0 && bytes > 0) {
		ssize_t n = write_some(s, w, p, bytes);
		int r = n < 0 ? (int)n : 0;

		if (r == -EAGAIN)
			r = waiter_poll(w, s->fd, POLLOUT, -1);
		else if (r == -EINTR)
			r = waiter_check(w);
		if (r < 0)
			return r;
		if (n > 0) {
			p += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

bool sink_sha256(struct sink *s, char hex[SINK_SHA256_CHARS + 1])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!s->md || EVP_DigestFinal_ex(s->md, hash, &len) != 1)
		return false;
	for (unsigned i = 0; i < len && i < SINK_SHA256_CHARS / 2; i++)
		snprintf(hex + (size_t)i * 2, 3, "%02x", hash[i]);
	return true;
}

int sink_close(struct sink *s)
{
	int r = 0;

	if (!s)
		return 0;
	if (s->fd >= 0 && close(s->fd) < 0)
		r = -errno;
	EVP_MD_CTX_free(s->md);
	free(s);
	return r;
}
