/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c — user+ext@domain, user@domain, @domain in three lists of tables; see virtual.h.
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "address/address.h"
#include "base/num.h"
#include "table/fold.h"
#include "virtual.h"

/* Longest address that is looked up, with room for folding and quoting. */
#define ADDR_MAX ((size_t)64 * 1024)

/* One key in its two forms: quoted as in tables, then plain when that differs. */
static enum lookup ask(const struct tables *t, struct str internal, bool partial, struct buf *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf external = BUF_LOCAL(ADDR_MAX);
	enum lookup r;

	if (address_quote(&external, internal) < 0)
		return LOOKUP_NONE;
	r = tables_get(t, buf_str(&external), partial, ret, why);
	if (r != LOOKUP_NONE || str_eq(buf_str(&external), internal))
		return r;
	return tables_get(t, internal, partial, ret, why);
}

static enum lookup ask_all(const struct virtual_maps *m, const struct tables *t, struct str user,
	struct buf *ret, struct why *why)
{
	enum lookup r = ask(t, user, false, ret, why);
	struct address_parts parts = address_split(user);
	struct str bare, ext;

	if (r != LOOKUP_NONE || !parts.has_at)
		return r;
	if (address_split_ext_rules(parts.local, &m->ext, &bare, &ext)) {
		_cleanup_buf_ struct buf key = BUF_LOCAL(ADDR_MAX);

		buf_putf(&key, STR_FMT "@" STR_FMT, STR_ARG(bare), STR_ARG(parts.domain));
		r = ask(t, buf_str(&key), true, ret, why);
		if (r != LOOKUP_NONE)
			return r;
	}
	return tables_get(t, str_skip(user, parts.local.len), true, ret, why);
}

/* A path that climbs would leave the base. */
static bool climbs(struct str path)
{
	return str_find(path, STR("/../")) >= 0 || str_starts(path, STR("../")) ||
	       str_ends(path, STR("/..")) || str_eq(path, STR(".."));
}

static enum lookup find_path(const struct virtual_maps *m, struct str user, struct buf *path,
	struct why *why)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL);
	enum lookup r = ask_all(m, &m->mailbox, user, &value, why);

	if (r != LOOKUP_FOUND)
		return r;
	if (climbs(buf_str(&value)) || m->base.len + value.len + 2 > PATH_MAX ||
		memchr(value.ptr, '\0', value.len) != NULL) {
		(void)why_set(why, -EINVAL, "recipient " STR_FMT ": bad path %s in %s",
			STR_ARG(user), buf_cstr(&value), m->mailbox.title);
		return LOOKUP_TEMPFAIL;
	}
	buf_putf(path, STR_FMT "/%s", STR_ARG(m->base), buf_cstr(&value));
	return LOOKUP_FOUND;
}

/* A number from a table: FOUND or TEMPFAIL; that there is none is a configuration error too. */
static enum lookup find_id(const struct virtual_maps *m, const struct tables *t, const char *what,
	struct str user, uint64_t min, uint64_t *ret, struct why *why)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL);
	enum lookup r = ask_all(m, t, user, &value, why);

	if (r == LOOKUP_NONE)
		(void)why_set(why, -ENOENT, "recipient " STR_FMT ": not found in %s", STR_ARG(user),
			t->title);
	if (r != LOOKUP_FOUND)
		return LOOKUP_TEMPFAIL;
	/* (uid_t)-1 means "no change" to the kernel. */
	if (num_u64(buf_str(&value), UINT32_MAX - 1, ret) == 0 && *ret >= min)
		return LOOKUP_FOUND;
	(void)why_set(why, -EINVAL, "recipient " STR_FMT ": bad %s %s in %s", STR_ARG(user), what,
		buf_cstr(&value), t->title);
	return LOOKUP_TEMPFAIL;
}

static enum lookup find_identity(const struct virtual_maps *m, struct str user,
	struct mailbox_identity *ret, struct why *why)
{
	uint64_t uid = 0, gid = 0;
	enum lookup r;

	if (m->own_identity) {
		*ret = (struct mailbox_identity){ .uid = geteuid(), .gid = getegid() };
		return LOOKUP_FOUND;
	}
	r = find_id(m, &m->uid, "uid", user, (uint64_t)m->minimum_uid, &uid, why);
	if (r == LOOKUP_FOUND)
		r = find_id(m, &m->gid, "gid", user, 1, &gid, why);
	if (r == LOOKUP_FOUND)
		*ret = (struct mailbox_identity){ .uid = (uid_t)uid,
			.gid = (gid_t)gid,
			.change = true };
	return r;
}

enum lookup virtual_find(const struct virtual_maps *m, struct str recipient, struct buf *user,
	struct virtual_target *ret, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL * 2);
	struct virtual_target target = { 0 };
	enum lookup r;

	if (recipient.len > ADDR_MAX / 8)
		return LOOKUP_NONE;
	if (table_fold(user, recipient, m->utf8) < 0) {
		buf_clear(user);
		if (table_fold(user, recipient, false) < 0)
			return LOOKUP_NONE;
	}
	r = find_path(m, buf_str(user), &path, why);
	if (r == LOOKUP_FOUND)
		r = find_identity(m, buf_str(user), &target.id, why);
	if (r != LOOKUP_FOUND)
		return r;
	target.maildir = str_ends(buf_str(&path), STR("/"));
	target.path = buf_take(&path);
	*ret = target;
	return LOOKUP_FOUND;
}
