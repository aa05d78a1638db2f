/* SPDX-License-Identifier: MIT */
#include "tools/ctl/terminal.h"

#include "base/output.h"
#include "proto/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	PIECE_BYTES = 4096,
	CHARACTER_BYTES = 4
};

/* The guard of a stream. */
struct guard {
	int fd;
	char kept[CHARACTER_BYTES]; /* the first bytes of a character whose end has not come yet */
	size_t n_kept;
	int error; /* the negative errno of the last write that failed, or 0 */
};

static struct guard guards[2]; /* of standard output and standard error */

static int write_all(int fd, const char *text, size_t left)
{
	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/*
 * How many bytes at the text's end are the beginning of a character; 0 if it ends with a whole one.
 */
static size_t begun_bytes(const char *text, size_t n)
{
	for (size_t back = 1; back < CHARACTER_BYTES && back <= n; back++) {
		unsigned char c = (unsigned char)text[n - back];

		if (c >= 0xc0)
			return back < (c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u) ? back : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

static int piece_write(struct guard *g, const char *text, size_t n)
{
	char room[CHARACTER_BYTES + PIECE_BYTES + 1];
	size_t all = g->n_kept + n;

	memcpy(room, g->kept, g->n_kept);
	memcpy(room + g->n_kept, text, n);
	g->n_kept = begun_bytes(room, all);
	all -= g->n_kept;
	memcpy(g->kept, room + all, g->n_kept);
	room[all] = '\0';
	for (char *nul = room; (nul = memchr(nul, '\0', (size_t)(room + all - nul)));)
		*nul = '?';
	text_clean(room, "\n");
	return write_all(g->fd, room, all);
}

static ssize_t guard_write(void *cookie, const char *text, size_t n)
{
	struct guard *g = cookie;

	for (size_t done = 0; done < n;) {
		size_t piece = n - done < PIECE_BYTES ? n - done : PIECE_BYTES;
		int r = piece_write(g, text + done, piece);

		if (r < 0) {
			g->error = r;
			errno = -r;
			return 0;
		}
		done += piece;
	}
	return (ssize_t)n;
}

static FILE *guard_open(struct guard *g, int fd, int buffering)
{
	FILE *f = fopencookie(g, "w", (cookie_io_functions_t){.write = guard_write});

	g->fd = fd;
	if (f)
		setvbuf(f, NULL, buffering, BUFSIZ);
	return f;
}

int terminal_guard(void)
{
	int buffering = isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF;
	FILE *out = guard_open(&guards[0], STDOUT_FILENO, buffering);
	FILE *err = guard_open(&guards[1], STDERR_FILENO, _IOLBF);

	if (!out || !err)
		return -ENOMEM;
	stdout = out;
	stderr = err;
	return 0;
}

int terminal_flush(void)
{
	int r = output_flush(stdout);

	return r < 0 && guards[0].error < 0 ? guards[0].error : r;
}

void terminal_clear(void)
{
	/* Moves the cursor to the top left and erases what is below. */
	static const char sequence[] = "\x1b[H\x1b[J";

	if (isatty(STDOUT_FILENO) && fflush(stdout) == 0)
		write_all(STDOUT_FILENO, sequence, sizeof(sequence) - 1);
}
