/* SPDX-License-Identifier: MIT */
/* The status document as tables. */
#ifndef CTL_RENDER_H
#define CTL_RENDER_H

#include <json-c/json.h>
#include <stdio.h>

enum render_view {
	RENDER_CLIENTS = 0,
	RENDER_QUEUES,
	RENDER_FLOWS
};

/* before: the document of so many seconds ago, for rates; NULL: there are none. */
void render(FILE *out, enum render_view view, struct json_object *now, struct json_object *before,
	    double seconds);

/* The classes of the document: what each may do and uses. */
void render_classes(FILE *out, struct json_object *now);

#endif
