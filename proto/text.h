/* SPDX-License-Identifier: MIT */
/*
 * Cleans text that strangers have chosen before it is written to the log, where a line feed begins
 * a line of any priority; to a JSON document or a message, which are UTF-8; or to a terminal, which
 * obeys escape sequences.
 */
#ifndef ZCRX_PROTO_TEXT_H
#define ZCRX_PROTO_TEXT_H

#include <stdbool.h>

/*
 * Is the text valid UTF-8 without control characters? Unicode's count as well: C1, the separators
 * of lines, and the marks that change the direction of writing.
 */
bool text_is_clean(const char *text);

/*
 * Cleans the text: each byte that is not part of a clean character becomes '?'. Characters in
 * `keep` stay, such as "\n" in a text of several lines.
 */
void text_clean(char *text, const char *keep);

#endif
