/* SPDX-License-Identifier: Apache-2.0 */
/* table/names.c — braces in table names, stamps of files; see table_priv.h. */
#include <errno.h>

#include "base/strv.h"
#include "table/table_priv.h"

int table_split_braces(struct str name, struct strv *ret)
{
	struct str t = str_trim(name);

	if (t.len < 2 || t.ptr[0] != '{' || t.ptr[t.len - 1] != '}')
		return -EINVAL;

	size_t level = 0;

	/* The first brace must close at the very end. */
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '{')
			level++;
		else if (t.ptr[i] == '}' && --level == 0 && i + 1 < t.len)
			return -EINVAL;
	}
	if (level != 0)
		return -EINVAL;

	struct strv words = { 0 };
	struct str inside = str_from(t.ptr + 1, t.len - 2);

	/* Words keep their braces here: the types decide what they mean. */
	for (size_t i = 0; i < inside.len;) {
		size_t start = i, depth = 0;

		while (i < inside.len) {
			char c = inside.ptr[i];

			if (depth == 0 && (is_space((unsigned char)c) || c == ','))
				break;
			if (c == '{')
				depth++;
			else if (c == '}')
				depth--;
			i++;
		}
		if (i > start)
			strv_add(&words, str_from(inside.ptr + start, i - start));
		else
			i++;
	}
	if (words.n == 0) {
		strv_done(&words);
		return inside.len > 0 ? -ENODATA : -EINVAL;
	}
	*ret = words;
	return 0;
}

const char *table_strip_braces(struct str text, struct str *ret)
{
	size_t depth = 0;

	if (text.len == 0 || text.ptr[0] != '{')
		return "no '{' at start of text";
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '{') {
			depth++;
		} else if (text.ptr[i] == '}' && --depth == 0) {
			if (str_trim(str_skip(text, i + 1)).len > 0)
				return "syntax error after '}'";
			*ret = str_trim(str_from(text.ptr + 1, i - 1));
			return NULL;
		}
	}
	return "missing '}'";
}

int table_stamp_take(struct table_stamp *st, int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) < 0)
		return -errno;
	*st = (struct table_stamp){ .fd = fd, .mtime = sb.st_mtim };
	return 0;
}

bool table_stamp_changed(const struct table_stamp *st)
{
	struct stat sb;

	return fstat(st->fd, &sb) < 0 || sb.st_nlink == 0 ||
	       sb.st_mtim.tv_sec != st->mtime.tv_sec || sb.st_mtim.tv_nsec != st->mtime.tv_nsec;
}

void table_note_stale(const struct notes *n, int fd, const char *db, const char *source)
{
	struct stat db_st, src_st;

	/* A source that was edited just now is about to be indexed: no warning for 100 seconds. */
	if (fstat(fd, &db_st) == 0 && stat(source, &src_st) == 0 &&
		src_st.st_mtim.tv_sec > db_st.st_mtim.tv_sec &&
		src_st.st_mtim.tv_sec < time(NULL) - 100)
		note(n, NOTE_WARN, "database %s is older than source file %s", db, source);
}
