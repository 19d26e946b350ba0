/* SPDX-License-Identifier: Apache-2.0 */
/* table/unix.c — unix:passwd.byname and unix:group.byname, through the name service. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/mem.h"
#include "table/table_priv.h"

/* Entries are as long as the largest group; double from the first size up to the last. */
#define ENTRY_FIRST ((size_t)4 * 1024)
#define ENTRY_MAX   ((size_t)16 * 1024 * 1024)

enum unix_db {
	UNIX_PASSWD,
	UNIX_GROUP,
};

static int unix_open(struct table *t, struct why *why)
{
	enum unix_db db;

	if (str_eq(str_of(t->name), STR("passwd.byname")))
		db = UNIX_PASSWD;
	else if (str_eq(str_of(t->name), STR("group.byname")))
		db = UNIX_GROUP;
	else
		return why_set(why, -EINVAL, "unknown table: %s", t->spec);
	t->impl = mem_new(enum unix_db);
	*(enum unix_db *)t->impl = db;
	return 0;
}

static void unix_close(struct table *t)
{
	free(t->impl);
}

static int format_passwd(const struct passwd *pw, struct buf *ret)
{
	return buf_addf(ret, "%s:%s:%u:%u:%s:%s:%s", pw->pw_name, pw->pw_passwd, pw->pw_uid,
		pw->pw_gid, pw->pw_gecos, pw->pw_dir, pw->pw_shell);
}

static int format_group(const struct group *gr, struct buf *ret)
{
	int r = buf_addf(ret, "%s:%s:%u:", gr->gr_name, gr->gr_passwd, gr->gr_gid);

	for (char **m = gr->gr_mem; r == 0 && *m != NULL; m++)
		r = buf_addf(ret, "%s%s", m == gr->gr_mem ? "" : ",", *m);
	return r;
}

/* One try with a buffer: 1 found, 0 not, or negative errno. */
static int ask(enum unix_db db, const char *name, char *space, size_t size, struct buf *ret)
{
	struct passwd pw, *pw_found = NULL;
	struct group gr, *gr_found = NULL;
	int err = db == UNIX_PASSWD ? getpwnam_r(name, &pw, space, size, &pw_found)
				    : getgrnam_r(name, &gr, space, size, &gr_found);

	/* These say "no such name" in some name services. */
	if (err == ENOENT || err == ESRCH)
		err = 0;
	if (err != 0)
		return -err;
	if (pw_found == NULL && gr_found == NULL)
		return 0;
	err = pw_found != NULL ? format_passwd(pw_found, ret) : format_group(gr_found, ret);
	return err < 0 ? err : 1;
}

static enum lookup unix_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	int r = -ERANGE;

	if (memchr(key.ptr, '\0', key.len) != NULL)
		return LOOKUP_NONE;
	for (size_t size = ENTRY_FIRST; r == -ERANGE && size <= ENTRY_MAX; size *= 2) {
		_cleanup_free_ char *space = mem_alloc(size);

		r = ask(*(const enum unix_db *)t->impl, key.ptr, space, size, ret);
	}
	if (r >= 0)
		return r > 0 ? LOOKUP_FOUND : LOOKUP_NONE;
	(void)why_errno(why, r, "name service");
	return LOOKUP_TEMPFAIL;
}

const struct table_ops table_unix_ops = {
	.type = "unix",
	.open = unix_open,
	.close = unix_close,
	.get = unix_get,
};
