/* SPDX-License-Identifier: MIT */
/*
 * What a pump that is taken over may try, and what is to deny it. Each attack runs in a process of
 * its own, once without a layer, once in each layer alone, and once in the whole sandbox.
 */
#ifndef SANDBOX_ATTACK_H
#define SANDBOX_ATTACK_H

#include <liburing.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#define ATTACKS_MAX  200
#define LANDLOCK_NOT 1000 /* no ABI version denies it */

/* Descriptors that each attacker has, as if its client had passed them. */
enum {
	FD_TCP4 = 200,
	FD_TCP6,
	FD_MPTCP,
	FD_UDP,
	FD_NETLINK,
	FD_UNIX,
	FD_UNIX_DATAGRAM,
	FD_MEMFD,
	FD_END
};

/* Outside of the sandbox. */
struct world {
	pid_t parent, sibling; /* of the attacker's user; the sibling is a pump in a sandbox, too */
	struct sockaddr_storage tcp4, tcp6, udp, any4, any6, path, datagram_path, abstract;
	socklen_t path_bytes, datagram_path_bytes, abstract_bytes;
	char folder[64], file[80];
};

/* The attacker's own. */
struct stage {
	struct io_uring queue, ops;
};

enum attack_by {
	BY_CALL,
	BY_REGISTER,
	BY_SQE,
	BY_FUNCTION
};

struct attack {
	const char *name;
	enum attack_by by;
	long call, args[6];
	struct io_uring_sqe sqe;
	int (*run)(const struct world *w,
		   struct stage *s); /* 0: got through; negative errno: denied */
	int landlock;                /* denies it from this ABI version on */
	bool mended;                 /* ... or on older kernels that took the mend of a fault */
	bool kernel;   /* denies it without a layer, to a process without capabilities */
	bool new_ring; /* comes by a ring that is made afterwards */
	bool command;  /* the ring of a queue with devmem may */
	bool unseen;   /* neither ring nor list of calls denies it: documented as what remains */
};

struct attacks {
	struct attack list[ATTACKS_MAX];
	unsigned n;
};

struct attack *attack_add(struct attacks *all, const char *name, enum attack_by by);

/* All that are below. */
void attacks_all(struct attacks *all, const struct world *w);
/* By the calling process. Returns 0 or more if it got through, or a negative errno. */
int attack_run(const struct attack *a, const struct world *w, struct stage *s);

void attacks_on_files(struct attacks *all, const struct world *w);
void attacks_on_network(struct attacks *all, const struct world *w);
void attacks_on_processes(struct attacks *all, const struct world *w);
void attacks_by_rings(struct attacks *all, const struct world *w);

/* Submits one and waits. Returns its result. */
int submit(struct io_uring *ring, const struct io_uring_sqe *sqe);

/* Before the sandbox: what a client and a peer would bring. */
bool allowed_prepare(void);
/* What a pump has to be able to do in the whole sandbox. Returns how many things it could not. */
int allowed_try(const struct world *w, struct stage *s);

/* Is all as it should be where there is less than that? */
bool fallbacks_hold(void);

/* The world's things, as another user. Exits if they cannot be had. */
void world_make(struct world *w);
/* Files and servers only, as the caller: parent and sibling are the caller's to fill in. */
void world_servers(struct world *w);
void world_end(const struct world *w);

/* In each attacker: FD_TCP4 and so on, and files as they were. */
void descriptors_make(void);

#define CALL(all, abi, name, ...) call_add(all, name, abi, (const long[7]){__VA_ARGS__})
static inline struct attack *call_add(struct attacks *all, const char *name, int landlock,
				      const long args[7])
{
	struct attack *a = attack_add(all, name, BY_CALL);
	a->landlock = landlock;
	a->call = args[0];
	for (int i = 0; i < 6; i++)
		a->args[i] = args[i + 1];
	return a;
}

#endif
