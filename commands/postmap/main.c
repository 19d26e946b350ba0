/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postmap — build, change, ask and list lookup tables. Source: postmap(1).
 */
#include "message.h"
#include "service/table_tool.h"

/* "key value". */
static bool pair_line(const struct table_tool *t, struct str line, const char *where,
	struct buf *key, struct buf *value)
{
	struct str k, v;

	if (!textline_parse(line, (t->flags & TABLE_UTF8) != 0, where, false, t->settings.notes, &k,
		    &v))
		return false;
	buf_put(key, k);
	buf_put(value, v);
	return true;
}

static const struct table_tool_kind kind = {
	.name = "postmap",
	.usage = "usage: postmap [-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] "
		 "[map_type:]file...",
	.letters = "Nc:d:fFbhijmnopq:rsuUvw",
	.middle = "\t",
	.line = pair_line,
	.message = postmap_message,
};

int main(int argc, char **argv)
{
	return table_tool_main(&kind, argc, argv);
}
