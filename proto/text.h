/* SPDX-License-Identifier: MIT */
/*
 * Text that strangers had a say in, before it goes to where some bytes are more than text: the log
 * (a line feed begins a line of any priority), a JSON document (which is UTF-8), a terminal (which
 * obeys escape sequences), a message (whose text is UTF-8).
 */
#ifndef ZCRX_PROTO_TEXT_H
#define ZCRX_PROTO_TEXT_H

#include <stdbool.h>

/*
 * Is it valid UTF-8 without control characters? Those of Unicode count, too: C1, separators of
 * lines, and what changes the direction of writing.
 */
bool text_is_clean(const char *text);

/* Makes it so: each byte of what is not becomes '?'. Characters in keep stay ("\n" for lines). */
void text_clean(char *text, const char *keep);

#endif
