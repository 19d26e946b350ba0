/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postalias — build, change, ask and list alias tables. Source: postalias(1).
 */
#include <errno.h>

#include "address/address.h"
#include "base/text.h"
#include "log/log.h"
#include "service/table_tool.h"

/* "name: value, value"; keys are stored in external form. */
static bool alias_line(const struct table_tool *t, struct str line, const char *where,
	struct buf *key, struct buf *value)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf name = BUF_LOCAL(TEXTLINE_MAX);
	int r;

	if ((t->flags & TABLE_UTF8) != 0 && !utf8_is_valid(line)) {
		log_warn("%s: non-UTF-8 input \"" STR_FMT "\" -- ignoring this line", where,
			STR_ARG(line));
		return false;
	}
	r = address_alias_line(line, a, &name, value);
	if (r == 0)
		r = address_quote(key, buf_str(&name));
	if (r == 0)
		return true;
	if (r == -EBADMSG)
		log_warn("%s: name must be local", where);
	else
		log_warn("%s: need name:value pair", where);
	return false;
}

/* The mark of a complete table, for NIS and Sendmail. */
static int add_mark(struct table_writer *w, struct why *why)
{
	return table_writer_put(w, STR("@"), STR("@"), TABLE_DUP_REPLACE, why);
}

static const struct table_tool_kind kind = {
	.name = "postalias",
	.usage = "usage: postalias [-Nfijnoprsuvw] [-c config_dir] [-d key] [-q key] "
		 "[map_type:]file...",
	.letters = "Nc:d:fijnopq:rsuvw",
	.middle = ":\t",
	.line = alias_line,
	.finish = add_mark,
};

int main(int argc, char **argv)
{
	return table_tool_main(&kind, argc, argv);
}
