/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/lines.c — logical lines of main.cf and master.cf.
 */
#include "conf/lines.h"

/** The next physical line without its newline; false at the end. */
static bool take_line(struct conf_lines *l, struct str *ret)
{
	ptrdiff_t end;

	if (l->rest.len == 0)
		return false;
	end = str_chr(l->rest, '\n');
	if (end < 0) {
		*ret = l->rest;
		l->rest = STR_EMPTY;
	} else {
		*ret = str_head(l->rest, (size_t)end);
		l->rest = str_skip(l->rest, (size_t)end + 1);
	}
	l->line++;
	return true;
}

static bool is_comment(struct str line)
{
	line = str_trim(line);
	return line.len == 0 || line.ptr[0] == '#';
}

int conf_lines_next(struct conf_lines *l, struct buf *ret, int *ret_line)
{
	struct conf_lines ahead = *l;
	struct str line;
	bool started = false;
	int r;

	buf_clear(ret);
	while (take_line(&ahead, &line)) {
		if (started && (line.len == 0 || !is_space((unsigned char)line.ptr[0])) &&
			!is_comment(line))
			break;
		*l = ahead;
		if (is_comment(line))
			continue;
		if (!started)
			*ret_line = ahead.line;
		started = true;
		r = buf_add(ret, str_rtrim(line));
		if (r < 0)
			return r;
	}
	return started ? 1 : 0;
}

const char *conf_split_setting(struct str line, struct str *ret_name, struct str *ret_value)
{
	struct str s = str_trim(line), rest;
	size_t n = 0;

	while (n < s.len && s.ptr[n] != '=' && !is_space((unsigned char)s.ptr[n]))
		n++;
	if (n == 0)
		return "missing attribute name";
	rest = str_trim(str_skip(s, n));
	if (rest.len == 0 || rest.ptr[0] != '=')
		return "missing '=' after attribute name";
	*ret_name = str_head(s, n);
	*ret_value = str_trim(str_skip(rest, 1));
	return NULL;
}
