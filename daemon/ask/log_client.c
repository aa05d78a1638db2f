/* SPDX-License-Identifier: MIT */
/* Lines that the client causes: the broker counts them and writes the log. */
#include "daemon/grant/log_client.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/ask/ask.h"
#include "daemon/common/log.h"

void log_client(int priority, uid_t uid, const char *class, enum log_cause cause,
		const char *format, ...)
{
	union link_any m = {.as_LOG = {.cause = cause, .priority = (uint32_t)priority}};
	va_list args;
	(void)uid, (void)class;
	if (!log_shows(priority))
		return;
	va_start(args, format);
	vsnprintf(m.as_LOG.line, sizeof(m.as_LOG.line), format, args);
	va_end(args);
	ask_tell(&m, LINK_LOG);
}
