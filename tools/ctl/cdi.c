/* SPDX-License-Identifier: MIT */
/*
 * The Container Device Interface (github.com/cncf-tags/container-device-interface) tells container
 * runtimes what a "device" needs in a container. Ours is a socket: it needs a mount and an
 * environment variable. Version 0.3.0 has all that is used here. The folder of the socket is
 * mounted, not the socket: a container that had mounted the socket would not see the new socket
 * that zcrxd makes when it is started again. So the folder may hold nothing but that socket.
 */
#include "tools/ctl/cdi.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/config_file.h"

#define CDI_VERSION "0.3.0"
#define CDI_KIND    "zcrxd/class"
/* Each device has a folder below it, so that a container can have several devices. */
#define INSIDE "/run/zcrx"

enum {
	EXIT_WRONG_USAGE = 2
};

struct options {
	const char *config, *output;
};

static void help(FILE *out)
{
	fputs("usage: zcrxctl cdi [-c FILE] [-o FILE]\n"
	      "\n"
	      "Prints a specification for the Container Device Interface, with which podman, docker\n"
	      "and containerd give a socket of zcrxd's to a container: --device " CDI_KIND
	      "=NAME,\n"
	      "for each class whose socket lies in a folder of its own, and for default, if the\n"
	      "shared socket does. The folder is what is mounted.\n"
	      "\n"
	      "  -c, --config FILE  zcrxd's configuration (" CONFIG_PATH ")\n"
	      "  -o, --output FILE  writes it there (/etc/cdi/zcrxd.json, for example)\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "exit status: 0 printed; 1 there is a mistake in the configuration, or the file cannot\n"
	      "be written; 2 wrong usage\n",
	      out);
}

/* Returns -1 to go on, or the exit status. */
static int options_parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while ((c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'o':
			o->output = optarg;
			break;
		default:
			help(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : EXIT_WRONG_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	help(stderr);
	return EXIT_WRONG_USAGE;
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *texts(const char *const *list)
{
	struct json_object *a = json_object_new_array();

	for (; *list; list++)
		json_object_array_add(a, json_object_new_string(*list));
	return a;
}

static struct json_object *only(struct json_object *element)
{
	struct json_object *a = json_object_new_array();

	json_object_array_add(a, element);
	return a;
}

/* Makes the mount, which is read-only: connecting does not change the file system. */
static struct json_object *mount(const char *from, const char *to)
{
	static const char *const how[] = {"bind", "ro", "nosuid", "nodev", "noexec", NULL};
	struct json_object *m = json_object_new_object();

	add_text(m, "hostPath", from);
	add_text(m, "containerPath", to);
	json_object_object_add(m, "options", texts(how));
	return m;
}

static int folder_length(const char *path)
{
	return (int)(strrchr(path, '/') - path);
}

/*
 * Makes the mount and the variable of a device. Both texts fit: socket_is_good() has checked the
 * path, and the configuration the name.
 */
static struct json_object *edits(const char *name, const char *path)
{
	struct json_object *e = json_object_new_object();
	char from[PATH_MAX], to[PATH_MAX], env[PATH_MAX];

	snprintf(env, sizeof(env), "ZCRX_SOCKET=" INSIDE "/%s%s", name, strrchr(path, '/'));
	snprintf(to, sizeof(to), INSIDE "/%s", name);
	snprintf(from, sizeof(from), "%.*s", folder_length(path), path);
	json_object_object_add(e, "env", texts((const char *const[]){env, NULL}));
	json_object_object_add(e, "mounts", only(mount(from, to)));
	return e;
}

static struct json_object *device(const char *name, const char *path)
{
	struct json_object *d = json_object_new_object();

	add_text(d, "name", name);
	json_object_object_add(d, "containerEdits", edits(name, path));
	return d;
}

/* Can this socket be mounted into a container? */
static bool socket_is_good(const char *key, const char *path)
{
	struct sockaddr_un sun;

	if (path[0] == '/' && strlen(path) < sizeof(sun.sun_path))
		return true;
	fprintf(stderr,
		"zcrxctl: %s=%s: for containers this has to be the whole path of a socket\n", key,
		path);
	return false;
}

/* Is `other` a different path that lies in the socket's folder or below? */
static bool lies_beside(const char *path, const char *other)
{
	int n = folder_length(path);

	return strcmp(path, other) != 0 && strncmp(path, other, (size_t)n) == 0 && other[n] == '/';
}

/*
 * Does the socket's folder hold nothing else of zcrxd's? config->state is a folder, the others are
 * sockets.
 */
static bool folder_is_its_own(const struct config *config, const char *path)
{
	int n = folder_length(path);
	bool state = strncmp(path, config->state, (size_t)n) == 0 &&
		     (config->state[n] == '\0' || config->state[n] == '/');

	if (n == 0 || state || lies_beside(path, config->clients) ||
	    lies_beside(path, config->status))
		return false;
	for (const struct policy_class *c = config->policy.classes; c; c = c->next)
		if (c->socket && lies_beside(path, c->socket))
			return false;
	return true;
}

static bool name_is_good(const char *name)
{
	if (isalpha((unsigned char)name[0]) && isalnum((unsigned char)name[strlen(name) - 1]))
		return true;
	fprintf(stderr,
		"zcrxctl: [class %s]: the name of a device begins with a letter and ends with a letter "
		"or digit; give the class such a name\n",
		name);
	return false;
}

/* Adds the device of a class. Returns 0, or -EINVAL after it has printed a mistake. */
static int device_add(struct json_object *all, const struct config *config,
		      const struct policy_class *c)
{
	if (!socket_is_good("socket", c->socket) || !name_is_good(c->name))
		return -EINVAL;
	if (!folder_is_its_own(config, c->socket)) {
		fprintf(stderr,
			"zcrxctl: [class %s] socket=%s: a container gets the folder of the socket, and "
			"there is more in this one; choose another, such as /run/zcrxd/%s/zcrxd.sock\n",
			c->name, c->socket, c->name);
		return -EINVAL;
	}
	json_object_array_add(all, device(c->name, c->socket));
	return 0;
}

/*
 * Makes a device for each class that has a socket, and one for the shared socket if that has a
 * folder of its own, which is not the default. Returns NULL after it has printed a mistake.
 */
static struct json_object *devices(const struct config *config)
{
	struct json_object *all = json_object_new_array();
	int r = socket_is_good("[sockets] clients", config->clients) ? 0 : -EINVAL;

	if (r == 0 && folder_is_its_own(config, config->clients))
		json_object_array_add(all, device(POLICY_DEFAULT, config->clients));
	for (const struct policy_class *c = config->policy.classes; c && r == 0; c = c->next)
		if (c->socket)
			r = device_add(all, config, c);
	if (r == 0 && json_object_array_length(all) == 0) {
		fputs("zcrxctl: there is no class with a socket of its own, which a container could "
		      "have: see docs/containers.md\n",
		      stderr);
		r = -EINVAL;
	}
	if (r == 0)
		return all;
	json_object_put(all);
	return NULL;
}

static struct json_object *specification(struct json_object *devices)
{
	struct json_object *s = json_object_new_object();

	add_text(s, "cdiVersion", CDI_VERSION);
	add_text(s, "kind", CDI_KIND);
	json_object_object_add(s, "devices", devices);
	return s;
}

/* Writes a new file and renames it. Runtimes watch the folder and must not read half a file. */
static int write_file(const char *path, const char *text)
{
	char *new = NULL;
	FILE *f = NULL;
	int r = asprintf(&new, "%s.new", path) < 0 ? -ENOMEM : 0;

	if (r == 0 && !(f = fopen(new, "we")))
		r = -errno;
	if (r == 0 && (fprintf(f, "%s\n", text) < 0 || fchmod(fileno(f), 0644) < 0))
		r = -errno;
	if (f && fclose(f) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0 && f)
		unlink(new);
	free(new);
	return r;
}

static int publish(const struct config *config, const struct options *o)
{
	struct json_object *all = devices(config), *s;
	const char *text;
	int r = 0;

	if (!all)
		return -EINVAL;
	s = specification(all);
	text = json_object_to_json_string_ext(s, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!o->output)
		puts(text);
	else if ((r = write_file(o->output, text)) < 0)
		fprintf(stderr, "zcrxctl: %s: %s\n", o->output, strerrordesc_np(-r));
	json_object_put(s);
	return r;
}

int cdi_main(int argc, char **argv)
{
	struct options o = {0};
	struct config config = {0};
	int r = options_parse(&o, argc, argv);

	if (r >= 0)
		return r;
	r = config_load(&config, o.config);
	if (r == 0)
		r = publish(&config, &o);
	config_done(&config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
