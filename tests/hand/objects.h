/* SPDX-License-Identifier: MIT */
/* What a hand meets: a pump with descriptors of all kinds, and objects that make whoever touches
 * them wait. */
#ifndef HAND_OBJECTS_H
#define HAND_OBJECTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define AREA_BYTES       (1u << 20)
#define REFILL_ENTRIES   256u
#define REFILLS_OFFSET   4096u /* the first page is the client's and the daemon's */
#define REFILLS_BYTES    8192u
#define CQ_ENTRIES       256u
#define OBJECTS_NOT_OPEN 900 /* a number that no descriptor has */

/* A process that stands in for a pump, and its numbers. */
struct stand_in {
	pid_t pid;
	int pidfd, go; /* nothing to give: it enables its ring, and answers by `result` */
	int result;
	int ring, refills, area; /* as they are to be */
	int unsealed, small, socket;
	int fuse; /* a file of the file system that does not answer, or -1 */
};

/* holds_lock: a thread of its holds the ring's lock in a page fault that nobody serves. Fails the
 * test on error. */
void stand_in_start(struct stand_in *p, const char *fuse_file, bool holds_lock);
void stand_in_end(struct stand_in *p);

/* Has it give two of its descriptors (the second -1: one) to whoever has the other end of sock. */
void stand_in_give(const struct stand_in *p, int sock, int first, int second);
void stand_in_enable(const struct stand_in *p);

/* Both ends of a TCP connection. */
void connection(int pair[2]);

/*
 * A thread sends what lies in a page that nobody serves: until it is released it has the socket's
 * lock. False: not possible here.
 */
struct lock_holder {
	int sock, fault;
	void *trap;
	pthread_t thread;
};
bool lock_of_socket_hold(struct lock_holder *h, int sock);
void lock_of_socket_release(struct lock_holder *h);

/* A file of FUSE that can be opened; then its server answers nothing any more. NULL: not possible
 * here. */
struct fuse;
struct fuse *fuse_start(const char **ret_file);
/* The same, but that only reading waits: the file can be closed. */
struct fuse *fuse_start_unreadable(const char **ret_file);
void fuse_end(struct fuse *f);

#endif
