/* SPDX-License-Identifier: MIT */
/* Sentences to the user, on stderr. */
#ifndef CAT_SAY_H
#define CAT_SAY_H

/* Prints "zcrx-cat: " and the text. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* What a negative errno means. */
const char *say_error(int error);

#endif
