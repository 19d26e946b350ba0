/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.c — the directories of a mail system, their owners and modes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postfix.h"

#include "log/log.h"

enum holder {
	ROOT,        /* root */
	OWNER,       /* mail_owner */
	OWNER_GROUP, /* mail_owner and setgid_group */
};

/** Below queue_directory; "" is the directory itself. */
static const struct {
	const char *name;
	enum holder holder;
	mode_t mode;
} queue_places[] = {
	{ "", ROOT, 0755 },
	{ "active", OWNER, 0700 },
	{ "bounce", OWNER, 0700 },
	{ "corrupt", OWNER, 0700 },
	{ "defer", OWNER, 0700 },
	{ "deferred", OWNER, 0700 },
	{ "flush", OWNER, 0700 },
	{ "hold", OWNER, 0700 },
	{ "incoming", OWNER, 0700 },
	{ "journal", OWNER, 0700 },
	{ "maildrop", OWNER_GROUP, 0730 },
	{ "open", OWNER, 0755 },
	{ "pid", ROOT, 0755 },
	{ "private", OWNER, 0700 },
	{ "public", OWNER_GROUP, 0710 },
	{ "saved", OWNER, 0700 },
	{ "tlstrace", OWNER, 0700 },
	{ "trace", OWNER, 0700 },
};

/** Commands that run with the group of the maildrop. */
static const char *const setgid_commands[] = { "postdrop", "postlog", "postqueue" };

static void put_path(struct place *p, const char *dir, const char *name)
{
	int n = snprintf(p->path, sizeof p->path, "%s%s%s", dir, name[0] != '\0' ? "/" : "", name);

	if (n < 0 || (size_t)n >= sizeof p->path)
		log_fatal("directory name is too long: %s", dir);
}

bool layout_place(const struct instance *in, size_t i, struct place *ret)
{
	if (i < ARRAY_LEN(queue_places)) {
		enum holder h = queue_places[i].holder;
		const char *name = queue_places[i].name;

		put_path(ret, in->queue_directory,
			strcmp(name, "pid") == 0 ? in->process_id_directory : name);
		ret->uid = h == ROOT ? in->root : in->owner;
		ret->gid = h == OWNER_GROUP ? in->setgid : in->root_gid;
		ret->mode = queue_places[i].mode;
		return true;
	}
	if (i > ARRAY_LEN(queue_places))
		return false;
	put_path(ret, in->data_directory, "");
	ret->uid = in->owner;
	ret->gid = in->owner_gid;
	ret->mode = 0700;
	return true;
}

/** Owner and mode of a directory, through a descriptor so that nobody swaps it. */
static int set_place(const struct instance *in, const struct place *p)
{
	int fd = open(p->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if ((in->privileged && fchown(fd, p->uid, p->gid) < 0) || fchmod(fd, p->mode) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

void layout_create(const struct instance *in)
{
	struct place p;

	for (size_t i = 0; layout_place(in, i, &p); i++) {
		int r = 0;

		if (mkdir(p.path, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			log_fatal("unable to create missing directory %s: %s", p.path,
				strerror(errno));
		}
		r = set_place(in, &p);
		if (r < 0)
			log_fatal("set owner and mode of %s: %s", p.path, strerror(-r));
	}
}

/** Group and set-gid bit of a command that is there: 0 or negative errno. */
static int set_command(const struct instance *in, const char *name, char *path, size_t size)
{
	int fd, r = 0;

	(void)snprintf(path, size, "%s/%s", in->command_directory, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchown(fd, in->root, in->setgid) < 0 || fchmod(fd, 02755) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

int layout_set(const struct instance *in)
{
	struct place p;
	char path[4096];
	int failures = 0, r;

	layout_create(in);
	for (size_t i = 0; layout_place(in, i, &p); i++) {
		r = set_place(in, &p);
		if (r < 0) {
			log_warn("set owner and mode of %s: %s", p.path, strerror(-r));
			failures++;
		}
	}
	for (size_t i = 0; in->privileged && i < ARRAY_LEN(setgid_commands); i++) {
		r = set_command(in, setgid_commands[i], path, sizeof path);
		if (r < 0) {
			log_warn("set group and mode of %s: %s", path, strerror(-r));
			failures++;
		}
	}
	return failures;
}
