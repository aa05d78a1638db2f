/* SPDX-License-Identifier: MIT */
/* Prints the status document as tables. */
#ifndef CTL_RENDER_H
#define CTL_RENDER_H

#include <json-c/json.h>
#include <stdio.h>

enum render_view {
	RENDER_CLIENTS = 0,
	RENDER_QUEUES,
	RENDER_FLOWS
};

/* Prints a view. before: the document of so many seconds ago, for rates; NULL: without rates. */
void render(FILE *out, enum render_view view, struct json_object *now, struct json_object *before,
	    double seconds);

/* Prints the classes of the document: what each may do, and what it uses. */
void render_classes(FILE *out, struct json_object *now);

#endif
