/* SPDX-License-Identifier: Apache-2.0 */
/* table/fail.c — fail:NAME: every lookup fails; for testing what a failing table does. */
#include "table/table_priv.h"

static int fail_open(_unused_ struct table *t, _unused_ struct why *why)
{
	return 0;
}

static enum lookup fail_get(_unused_ const struct table *t, _unused_ struct str key,
	_unused_ struct buf *ret, struct why *why)
{
	(void)why_set(why, -5, "the table fails by design");
	return LOOKUP_TEMPFAIL;
}

const struct table_ops table_fail_ops = {
	.type = "fail",
	.pattern = true,
	.open = fail_open,
	.get = fail_get,
};
