/* SPDX-License-Identifier: MIT */
#include "policy/names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * The first size of the buffer for a user or group. It grows, as a group can have very many
 * members.
 */
#define ROOM_LEAST (4u << 10)
#define ROOM_MAX   (64u << 20)

/* Looks a name up in a buffer of so many bytes. Returns 0, -ENOENT, or the library's errno. */
typedef int (*look)(const char *name, char *room, size_t bytes, uint32_t *ret);

static int answer(int error, const void *found)
{
	if (error == 0 || error == ESRCH)
		return found ? 0 : -ENOENT;
	return -error;
}

static int look_user(const char *name, char *room, size_t bytes, uint32_t *ret)
{
	struct passwd user, *found = NULL;
	int error = getpwnam_r(name, &user, room, bytes, &found);
	int r = answer(error, found);
	if (r == 0)
		*ret = user.pw_uid;
	return r;
}

static int look_group(const char *name, char *room, size_t bytes, uint32_t *ret)
{
	struct group group, *found = NULL;
	int error = getgrnam_r(name, &group, room, bytes, &found);
	int r = answer(error, found);
	if (r == 0)
		*ret = group.gr_gid;
	return r;
}

/* Looks a name up, in a larger buffer for each ERANGE, which says that the buffer was too small. */
static int find(look try, const char *name, uint32_t *ret)
{
	int r = -ERANGE;
	for (size_t bytes = ROOM_LEAST; r == -ERANGE && bytes <= ROOM_MAX; bytes *= 4) {
		char *room = malloc(bytes);
		r = room ? try(name, room, bytes, ret) : -ENOMEM;
		free(room);
	}
	return r;
}

int name_user(const char *name, uid_t *ret)
{
	return find(look_user, name, ret);
}

int name_group(const char *name, gid_t *ret)
{
	return find(look_group, name, ret);
}
