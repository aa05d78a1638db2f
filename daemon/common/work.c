/* SPDX-License-Identifier: MIT */
#include "daemon/common/work.h"

#include <stdint.h>
#include <sys/eventfd.h>

#define STACK_BYTES (256u << 10)

static uint32_t running; /* threads; atomic */

static void carry_out(struct work *w)
{
	w->run(w->arg);
	__atomic_store_n(&w->is_over, true, __ATOMIC_RELEASE);
	if (w->wake >= 0)
		eventfd_write(w->wake, 1);
}

static void *thread(void *data)
{
	carry_out(data);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
	return NULL;
}

bool work_any(void)
{
	return __atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0;
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
	__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
	w->is_thread = pthread_create(&w->thread, &attributes, thread, w) == 0;
	if (!w->is_thread)
		__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
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
