/* SPDX-License-Identifier: MIT */
#include "daemon/common/work.h"

#include <sys/eventfd.h>

#define STACK_BYTES (256u << 10)

static void *carry_out(void *data)
{
	struct work *w = data;
	w->run(w->arg);
	__atomic_store_n(&w->is_over, true, __ATOMIC_RELEASE);
	if (w->wake >= 0)
		eventfd_write(w->wake, 1);
	return NULL;
}

void work_do(struct work *w, void (*run)(void *arg), void *arg, int wake)
{
	*w = (struct work){.run = run, .arg = arg, .wake = wake};
	carry_out(w);
}

/* The thread inherits the signal mask, so signals stay blocked. */
bool work_try(struct work *w, void (*run)(void *arg), void *arg, int wake)
{
	pthread_attr_t attributes;
	*w = (struct work){.run = run, .arg = arg, .wake = wake};
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	w->is_thread = pthread_create(&w->thread, &attributes, carry_out, w) == 0;
	pthread_attr_destroy(&attributes);
	return w->is_thread;
}

void work_start(struct work *w, void (*run)(void *arg), void *arg, int wake)
{
	if (!work_try(w, run, arg, wake))
		work_do(w, run, arg, wake);
}

bool work_is_over(const struct work *w)
{
	return __atomic_load_n(&w->is_over, __ATOMIC_ACQUIRE);
}

void work_join(struct work *w)
{
	if (w->is_thread)
		pthread_join(w->thread, NULL);
	w->is_thread = false;
}
