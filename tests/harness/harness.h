/* SPDX-License-Identifier: MIT */
/*
 * What tests with a real daemon share: a private zcrxd in a folder of its own, loopback TCP, and
 * streams whose every byte can be told from its position. Call these from the test's own thread:
 * what goes wrong here fails the running cmocka test.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * For what has to happen sooner or later. Alone on two processors none of it takes more than 100
 * ms, under the sanitizers a second: so a machine may be a thousand times, or a hundred times, as
 * slow or as busy.
 */
enum {
	HARNESS_PATIENCE_MS = 100000
};

/* ---- zcrxd ---- */

struct harness_daemon {
	pid_t pid;
	char dir[64];    /* removed by stop and kill */
	char socket[96]; /* for zcrx_connect */
	char status[96]; /* for harness_status */
	char config[96]; /* the file given by --config */
	char log[96];    /* its stderr */
};

/*
 * Starts zcrxd as a child and returns when it is ready. config: the text of its configuration file,
 * or NULL for an empty one. The child dies with the thread that started it.
 */
void harness_daemon_start(struct harness_daemon *d, const char *config);

/* SIGTERM; fails unless zcrxd then exits with 0 in time. Does nothing when it is not running.
 */
void harness_daemon_stop(struct harness_daemon *d);

/* SIGKILL. Does nothing when it is not running. */
void harness_daemon_kill(struct harness_daemon *d);

/* The broker and its pumps, as many as there is room for; returns how many. */
int harness_daemon_processes(const struct harness_daemon *d, pid_t *ret, int room);

/* How many hands are at work, or stuck. */
int harness_hands(const struct harness_daemon *d);

/* Ends a client's pump, whose broker stays; there is one, or the last one is meant. */
void harness_pump_kill(const struct harness_daemon *d);

/* SIGKILL of the broker alone; after a while it is started again and takes the pumps over. */
void harness_broker_kill(struct harness_daemon *d, useconds_t absent_us);

/* The two parts of that. harness_broker_start_in_vain() kills what it started after that time. */
void harness_broker_end(const struct harness_daemon *d);
void harness_broker_start(struct harness_daemon *d);
void harness_broker_start_in_vain(struct harness_daemon *d, useconds_t life_us);

/* The document of the status socket as text. The caller frees it. */
char *harness_status(const struct harness_daemon *d);

/* ---- TCP over 127.0.0.1 ---- */

/* A socket that listens on a free port; the address is written to *ret. */
int harness_listen(struct sockaddr_in *ret);
/* A socket connected to the address. */
int harness_connect(const struct sockaddr_in *to);
/* Two sockets connected to each other. */
void harness_pair(int pair[2]);
/* The next close() of the socket resets the connection. */
void harness_reset_on_close(int sock);

/* ---- streams ---- */

/* The bytes from pos on of the endless stream number seed. */
void harness_pattern(void *to, uint64_t seed, uint64_t pos, size_t bytes);
bool harness_pattern_is(const void *at, uint64_t seed, uint64_t pos, size_t bytes);

enum harness_end {
	HARNESS_FIN,   /* closes the socket */
	HARNESS_RESET, /* waits until the peer has acknowledged all, then resets */
	HARNESS_STAY,  /* leaves the socket open: it is the caller's again */
};

struct harness_sender;

/* A thread that sends the first bytes of stream number seed on the socket, which it owns. */
struct harness_sender *harness_send(int sock, uint64_t seed, uint64_t bytes, enum harness_end end);
/* Waits for it and frees it. Returns 0, or the negative errno that sending ended with. */
int harness_send_wait(struct harness_sender *s);

/* Monotonic milliseconds. */
uint64_t harness_now_ms(void);

#endif
