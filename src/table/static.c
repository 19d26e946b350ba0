/* SPDX-License-Identifier: Apache-2.0 */
/* table/static.c — static:TEXT and static:{ text }: one value for every key. */
#include <errno.h>

#include "base/fd.h"
#include "table/pairs.h"
#include "table/table_priv.h"

static int static_open(struct table *t, struct why *why)
{
	struct str text = str_of(t->name);

	if (text.len > 0 && text.ptr[0] == '{') {
		const char *wrong = table_strip_braces(text, &text);

		if (wrong != NULL)
			return why_set(why, -EINVAL, "bad static:name syntax: %s in \"%s\"", wrong,
				t->name);
	}

	_cleanup_buf_ struct buf value = BUF_LOCAL(PAIRS_VALUE_MAX);
	int r = pairs_value(t, text, &value, why);

	if (r == 0)
		t->impl = buf_take(&value);
	return r;
}

static void static_close(struct table *t)
{
	free(t->impl);
}

static enum lookup static_get(const struct table *t, _unused_ struct str key, struct buf *ret,
	struct why *why)
{
	if (buf_adds(ret, t->impl) < 0) {
		(void)why_set(why, -EMSGSIZE, "value is too long");
		return LOOKUP_TEMPFAIL;
	}
	return LOOKUP_FOUND;
}

const struct table_ops table_static_ops = {
	.type = "static",
	.open = static_open,
	.close = static_close,
	.get = static_get,
};
