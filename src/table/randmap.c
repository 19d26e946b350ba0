/* SPDX-License-Identifier: Apache-2.0 */
/* table/randmap.c — randmap:{result, result}: a random member for every key. */
#include <errno.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/strv.h"
#include "table/pairs.h"

static int randmap_open(struct table *t, struct why *why)
{
	struct strv *v = mem_new(struct strv);

	t->impl = v;

	_cleanup_strv_ struct strv words = { 0 };

	if (table_split_braces(str_of(t->name), &words) < 0)
		return why_set(why, -EINVAL, "bad syntax: \"%s\"; need \"randmap:{value...}\"",
			t->spec);
	for (size_t i = 0; i < words.n; i++) {
		_cleanup_buf_ struct buf value = BUF_LOCAL(PAIRS_VALUE_MAX);
		int r = pairs_value(t, str_of(words.v[i]), &value, why);

		if (r < 0)
			return r;
		strv_add(v, buf_str(&value));
	}
	return 0;
}

static void randmap_close(struct table *t)
{
	if (t->impl != NULL)
		strv_done(t->impl);
	free(t->impl);
}

static enum lookup randmap_get(const struct table *t, _unused_ struct str key, struct buf *ret,
	struct why *why)
{
	const struct strv *v = t->impl;
	uint64_t random = 0;

	/* Does not block once the kernel is up; a short read cannot happen at this size. */
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
		buf_adds(ret, v->v[random % v->n]) < 0) {
		(void)why_set(why, -EIO, "no random value");
		return LOOKUP_TEMPFAIL;
	}
	return LOOKUP_FOUND;
}

const struct table_ops table_randmap_ops = {
	.type = "randmap",
	.pattern = true,
	.open = randmap_open,
	.close = randmap_close,
	.get = randmap_get,
};
