/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump_end.h"

#include <stdlib.h>

#include "base/fd.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/record.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_dmabuf.h"
#include "daemon/broker/serve_host.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/common/report.h"
#include "daemon/grant/flight_reader.h"

void pump_free(struct pump *p)
{
	struct job *j;
	sd_event_source_disable_unref(p->io);
	sd_event_source_disable_unref(p->exit);
	sd_event_source_disable_unref(p->news);
	sd_event_source_disable_unref(p->relinking.again);
	sd_event_source_disable_unref(p->rest);
	sd_event_source_disable_unref(p->lost);
	outbox_done(&p->out);
	while ((j = TAILQ_FIRST(&p->jobs))) {
		TAILQ_REMOVE(&p->jobs, j, link);
		j->drop(j);
	}
	fd_close(p->sock);
	fd_close(p->far_end);
	fd_close(p->pidfd);
	fd_close(p->poke);
	if (p->reader)
		flight_reader_put(p->reader);
	identity_done(&p->is);
	pthread_mutex_destroy(&p->lock);
	report_put(p->report);
	record_close(p->record);
	free(p);
}

/* Its process has ended and its leases are over: all the rest goes. */
static void bury(struct pump *p)
{
	struct pumps *all = p->all;
	struct client_identity who = p->who;
	awaited_done(p, "has ended");
	TAILQ_REMOVE(&all->list, p, link);
	serve_host_end_all(p);
	serve_dmabuf_end_all(p);
	serve_release(p);
	record_remove(all->records, p->pid);
	pump_free(p);
	admission_over(&who);
	if (TAILQ_EMPTY(&all->list) && all->on_empty)
		all->on_empty(all->empty_data);
}

static void end_leases(void *data)
{
	serve_lease_end_all(data);
}

void pump_wind_up(struct pump *p)
{
	if (p->n_working > 0)
		return;
	if (!LIST_EMPTY(&p->leases)) {
		p->ending = true;
		work_start(&p->end, end_leases, p, p->all->wake);
		return;
	}
	bury(p);
}
