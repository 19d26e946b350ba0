/* SPDX-License-Identifier: Apache-2.0 */
/* table/environ.c — environ:NAME: the environment of the process, as it was when opened. */
#include "base/map.h"
#include "table/pairs.h"

extern char **environ;

/* A copy, so that later changes by other threads cannot race with lookups. Keys are not folded. */
static int environ_open(struct table *t, _unused_ struct why *why)
{
	pairs_init(t);
	for (char **e = environ; e != NULL && *e != NULL; e++) {
		struct str item = str_of(*e);
		ptrdiff_t eq = str_chr(item, '=');

		if (eq > 0)
			map_set(t->impl, str_head(item, (size_t)eq),
				str_dup(str_skip(item, (size_t)eq + 1)));
	}
	return 0;
}

const struct table_ops table_environ_ops = {
	.type = "environ",
	.open = environ_open,
	.close = pairs_close,
	.get = pairs_get,
	.each = pairs_each,
};
