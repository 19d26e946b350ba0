/* SPDX-License-Identifier: Apache-2.0 */
/* table/pairs.c — see pairs.h. */
#include "table/pairs.h"

#include <errno.h>
#include <fcntl.h>

#include "base/encode.h"
#include "base/fd.h"
#include "base/map.h"
#include "table/fold.h"

void pairs_init(struct table *t)
{
	t->impl = map_new(free);
}

void pairs_close(struct table *t)
{
	map_free(t->impl);
}

int table_files_base64(struct str names, struct buf *ret, struct why *why)
{
	_cleanup_buf_ struct buf all = BUF_LOCAL(PAIRS_VALUE_MAX);
	struct str rest = names, name;

	while (str_word(&rest, ", \t\r\n", &name)) {
		_cleanup_free_ char *path = str_dup(name);

		if (all.len > 0 && buf_addc(&all, '\n') < 0)
			return why_set(why, -EMSGSIZE, "value is too long");

		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

		if (fd < 0)
			return why_errno(why, -errno, "open %s", path);

		int r = fd_read_all(fd, &all);

		fd_close(fd);
		if (r < 0)
			return why_errno(why, r, "read %s", path);
	}

	int r = base64_encode(ret, buf_str(&all));

	return r < 0 ? why_set(why, r, "value is too long") : 0;
}

int pairs_value(const struct table *t, struct str text, struct buf *ret, struct why *why)
{
	if ((t->flags & TABLE_SRC_RHS_IS_FILE) != 0)
		return table_files_base64(text, ret, why);
	return buf_add(ret, text) < 0 ? why_set(why, -EMSGSIZE, "value is too long") : 0;
}

int pairs_add(struct table *t, struct str key, struct str value, bool replace, const char *where,
	struct why *why)
{
	_cleanup_buf_ struct buf folded = BUF_LOCAL(PAIRS_VALUE_MAX);
	_cleanup_buf_ struct buf stored = BUF_LOCAL(PAIRS_VALUE_MAX);
	int r = (t->flags & TABLE_FOLD_FIX) != 0
			? table_fold(&folded, key, (t->flags & TABLE_UTF8) != 0)
			: buf_add(&folded, key);

	if (r < 0) {
		note(t->s.notes, NOTE_WARN, "%s: non-UTF-8 or too long key -- ignoring this entry",
			where);
		return 0;
	}
	if (map_has(t->impl, buf_str(&folded)) && !replace) {
		note(t->s.notes, NOTE_WARN, "%s: duplicate entry: \"%s\"", where,
			buf_cstr(&folded));
		return 0;
	}
	r = pairs_value(t, value, &stored, why);
	if (r == 0)
		map_set(t->impl, buf_str(&folded), buf_take(&stored));
	return r;
}

enum lookup pairs_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	const char *value = map_get(t->impl, key);

	if (value == NULL)
		return LOOKUP_NONE;
	if (buf_adds(ret, value) < 0) {
		(void)why_set(why, -EMSGSIZE, "value is too long");
		return LOOKUP_TEMPFAIL;
	}
	return LOOKUP_FOUND;
}

int pairs_each(const struct table *t, table_each_fn fn, void *ctx, _unused_ struct why *why)
{
	struct map_iter it = { 0 };
	struct str key;
	void *value;

	while (map_next(t->impl, &it, &key, &value)) {
		int r = fn(ctx, key, str_of(value));

		if (r != 0)
			return r;
	}
	return 0;
}
