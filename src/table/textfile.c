/* SPDX-License-Identifier: Apache-2.0 */
/* table/textfile.c — see textfile.h. */
#include "table/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

static void start(struct textfile *f, struct str text)
{
	f->at = cur_of(text);
	f->next_line = 1;
	f->line = 0;
}

int textfile_from_fd(struct textfile *f, int fd, const char *path, struct why *why)
{
	*f = (struct textfile){ .content = BUF(TEXTFILE_MAX) };

	int r = fd_read_all(fd, &f->content);

	if (r < 0) {
		buf_done(&f->content);
		return why_errno(why, r, "read %s", path);
	}
	start(f, buf_str(&f->content));
	return 0;
}

int textfile_open(struct textfile *f, const char *path, struct why *why)
{
	/* Not fd_open(): source files may be symbolic links. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return why_errno(why, -errno, "open %s", path);

	int r = textfile_from_fd(f, fd, path, why);

	fd_close(fd);
	return r;
}

void textfile_from_str(struct textfile *f, struct str text)
{
	*f = (struct textfile){ .content = BUF(0) };
	start(f, text);
}

void textfile_done(struct textfile *f)
{
	buf_done(&f->content);
}

/* One physical line without newline; false at the end. */
static bool physical(struct textfile *f, struct str *ret)
{
	if (cur_at_end(&f->at))
		return false;

	const char *start_at = f->at.p;
	const char *nl = memchr(start_at, '\n', (size_t)(f->at.end - start_at));
	const char *stop = nl == NULL ? f->at.end : nl;

	*ret = str_from(start_at, (size_t)(stop - start_at));
	f->at.p = nl == NULL ? f->at.end : nl + 1;
	f->next_line++;
	return true;
}

static bool is_skipped(struct str line)
{
	struct str t = str_trim(line);

	return t.len == 0 || t.ptr[0] == '#';
}

bool textfile_next(struct textfile *f, const char *path, const struct notes *n, struct buf *ret)
{
	bool have = false;

	buf_clear(ret);
	for (;;) {
		struct cursor before = f->at;
		int line_before = f->next_line;
		struct str line;

		if (!physical(f, &line))
			break;
		if (is_skipped(line))
			continue;
		if (!have && is_space((unsigned char)line.ptr[0])) {
			note(n, NOTE_WARN,
				"%s: logical line must not start with whitespace: \"" STR_FMT "\"",
				path, STR_ARG(str_head(line, 30)));
			continue;
		}
		if (have && !is_space((unsigned char)line.ptr[0])) {
			f->at = before;
			f->next_line = line_before;
			break;
		}
		if (!have)
			f->line = line_before;
		have = true;
		if (buf_add(ret, line) < 0) {
			note(n, NOTE_WARN, "%s, line %d: line is too long", path, f->line);
			buf_clear(ret);
			have = false;
		}
	}
	if (have)
		buf_truncate(ret, str_rtrim(buf_str(ret)).len);
	return have;
}

enum textline textline_split(struct str line, struct str *ret_key, struct str *ret_value)
{
	size_t i = 0;
	bool quoted = false;

	while (i < line.len && (quoted || !is_space((unsigned char)line.ptr[i]))) {
		if (line.ptr[i] == '\\' && i + 1 < line.len)
			i++;
		else if (line.ptr[i] == '"')
			quoted = !quoted;
		i++;
	}
	*ret_key = str_head(line, i);
	*ret_value = str_trim(str_skip(line, i));
	if (quoted)
		return TEXTLINE_UNBALANCED;
	return ret_key->len == 0 || ret_value->len == 0 ? TEXTLINE_NO_VALUE : TEXTLINE_OK;
}

bool textline_parse(struct str line, bool utf8, const char *where, bool ignoring,
	const struct notes *n, struct str *ret_key, struct str *ret_value)
{
	struct str key, value;

	if (utf8 && !utf8_is_valid(line)) {
		_cleanup_buf_ struct buf shown = BUF_LOCAL(TEXTLINE_MAX);

		text_printable(&shown, line, true);
		note(n, NOTE_WARN, "%s: non-UTF-8 input \"%s\" -- ignoring this line", where,
			buf_cstr(&shown));
		return false;
	}
	switch (textline_split(line, &key, &value)) {
	case TEXTLINE_UNBALANCED:
		note(n, NOTE_WARN, "%s: unbalanced '\"' in '" STR_FMT "' -- ignoring this line",
			where, STR_ARG(line));
		return false;
	case TEXTLINE_NO_VALUE:
		note(n, NOTE_WARN, "%s: expected format: key whitespace value%s", where,
			ignoring ? " -- ignoring this line" : "");
		return false;
	case TEXTLINE_OK:
	default:
		break;
	}
	if (key.ptr[key.len - 1] == ':')
		note(n, NOTE_WARN, "%s: record is in \"key: value\" format; is this an alias file?",
			where);
	*ret_key = key;
	*ret_value = value;
	return true;
}
