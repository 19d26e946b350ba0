/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/master_cf.c — the services table.
 */
#include "conf/master_cf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/cursor.h"
#include "base/fd.h"
#include "base/mem.h"

#include "conf/lines.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)
#define BLANKS   " \t\r\n"

static const char *const type_names[] = {
	[MASTER_INET] = "inet",
	[MASTER_UNIX] = "unix",
	[MASTER_UNIX_DGRAM] = "unix-dgram",
	[MASTER_FIFO] = "fifo",
	[MASTER_PASS] = "pass",
};

/** Names of the fields in messages. */
static const char *const field_names[] = { "service name", "transport type", "private",
	"unprivileged", "chroot", "wakeup_time", "max_proc", "command" };

const char *master_type_name(enum master_type t)
{
	return type_names[t];
}

void master_entry_done(struct master_entry *e)
{
	free(e->name);
	free(e->command);
	free(e->args_raw);
	strv_done(&e->args);
	for (size_t i = 0; i < ARRAY_LEN(e->fields); i++)
		free(e->fields[i]);
	*e = (struct master_entry){ 0 };
}

void master_cf_done(struct master_cf *m)
{
	for (size_t i = 0; i < m->n; i++)
		master_entry_done(&m->v[i]);
	free(m->v);
	*m = (struct master_cf){ 0 };
}

static int bad_value(const struct master_entry *e, size_t field, struct why *why)
{
	return why_set(why, -EINVAL, "field \"%s\": bad value: \"%s\"", field_names[field],
		e->fields[field]);
}

/** y, n or - : 0 or -EINVAL. */
static int parse_bool(const struct master_entry *e, size_t field, bool def, bool *ret,
	struct why *why)
{
	struct str s = str_of(e->fields[field]);

	if (str_eq(s, STR("-")))
		*ret = def;
	else if (str_eq(s, STR("y")) || str_eq(s, STR("n")))
		*ret = s.ptr[0] == 'y';
	else
		return bad_value(e, field, why);
	return 0;
}

/** Digits; what follows them does not count (as documented), `def` for "-". */
static int parse_count(const struct master_entry *e, size_t field, int64_t def, int64_t *ret,
	struct why *why)
{
	struct cursor c = cur_of(str_of(e->fields[field]));
	uint64_t v = 0;

	if (str_eq(cur_rest(&c), STR("-")))
		*ret = def;
	else if (cur_u64(&c, INT_MAX, &v))
		*ret = (int64_t)v;
	else
		return bad_value(e, field, why);
	return 0;
}

static int parse_type(struct master_entry *e, struct why *why)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (str_eq(str_of(e->fields[1]), str_of(type_names[i]))) {
			e->type = (enum master_type)i;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "bad transport type: %s", e->fields[1]);
}

/** Length of the first word: white space inside braces belongs to it. */
static size_t word_length(struct str s, size_t *ret_open)
{
	size_t n = 0, depth = 0;

	for (; n < s.len; n++) {
		if (s.ptr[n] == '{')
			depth++;
		else if (s.ptr[n] == '}' && depth > 0)
			depth--;
		else if (depth == 0 && is_space((unsigned char)s.ptr[n]))
			break;
	}
	*ret_open = depth;
	return n;
}

/** Index of the '}' that matches the '{' at the start; the word is known to be balanced. */
static size_t matching(struct str word)
{
	size_t n = 0, depth = 0;

	do {
		if (word.ptr[n] == '{')
			depth++;
		else if (word.ptr[n] == '}')
			depth--;
		n++;
	} while (depth > 0 && n < word.len);
	return n - 1;
}

/** Split arguments: 0 or -EINVAL. Outer braces go, with the white space next to them. */
static int parse_args(struct master_entry *e, struct why *why)
{
	struct str rest = str_of(e->args_raw), word;
	size_t open = 0;

	for (;;) {
		while (rest.len > 0 && is_space((unsigned char)rest.ptr[0]))
			rest = str_skip(rest, 1);
		if (rest.len == 0)
			return 0;
		word = str_head(rest, word_length(rest, &open));
		rest = str_skip(rest, word.len);
		if (word.ptr[0] == '{') {
			if (open > 0)
				return why_set(why, -EINVAL, "missing '}' in \"%.*s\"",
					STR_ARG(word));
			if (matching(word) + 1 < word.len)
				return why_set(why, -EINVAL, "syntax error after '}' in \"%.*s\"",
					STR_ARG(word));
			word = str_trim(str_from(word.ptr + 1, word.len - 2));
		}
		strv_add(&e->args, word);
	}
}

/** The fields that are more than text. */
static int parse_values(struct master_entry *e, bool chroot_default, struct why *why)
{
	size_t len = strlen(e->fields[5]);
	int r = parse_type(e, why);

	if (r == 0)
		r = parse_bool(e, 2, true, &e->private, why);
	if (r == 0 && e->type == MASTER_INET && e->private)
		r = why_set(why, -EINVAL, "inet service cannot be private");
	if (r == 0)
		r = parse_bool(e, 3, true, &e->unprivileged, why);
	if (r == 0)
		r = parse_bool(e, 4, chroot_default, &e->chroot, why);
	if (r == 0)
		r = parse_count(e, 5, 0, &e->wakeup, why);
	if (r == 0)
		r = parse_count(e, 6, -1, &e->maxproc, why);
	e->chroot_default = str_eq(str_of(e->fields[4]), STR("-"));
	e->wakeup_if_used = len > 1 && e->fields[5][len - 1] == '?';
	return r == 0 ? parse_args(e, why) : r;
}

int master_entry_parse(struct str line, bool chroot_default, struct master_entry *ret,
	struct why *why)
{
	struct master_entry e = { 0 };
	struct str rest = str_trim(line), word;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(e.fields); i++) {
		if (!str_word(&rest, BLANKS, &word))
			r = why_set(why, -EINVAL, "missing \"%s\" field", field_names[i]);
		else if ((i == 1 || i == 7) && str_eq(word, STR("-")))
			r = why_set(why, -EINVAL, "field \"%s\" has no default value",
				field_names[i]);
		else
			e.fields[i] = str_dup(word);
	}
	if (r == 0) {
		e.name = str_dup(str_of(e.fields[0]));
		e.command = str_dup(str_of(e.fields[7]));
		e.args_raw = str_dup(str_trim(rest));
		r = parse_values(&e, chroot_default, why);
	}
	if (r < 0)
		master_entry_done(&e);
	else
		*ret = e;
	return r;
}

/** Put an entry into the table, in place of an earlier one with the same name and type. */
static void add_entry(struct master_cf *m, struct master_entry *e, const struct notes *n)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].type != e->type || !str_eq(str_of(m->v[i].name), str_of(e->name)))
			continue;
		if (e->type == MASTER_INET)
			note(n, NOTE_WARN,
				"duplicate master.cf entry for service \"%s\" (%s) -- using the "
				"last entry",
				e->name, e->name);
		else
			note(n, NOTE_WARN,
				"duplicate master.cf entry for service \"%s\" (%s/%s) -- using the "
				"last entry",
				e->name, e->private ? "private" : "public", e->name);
		master_entry_done(&m->v[i]);
		m->v[i] = *e;
		return;
	}
	m->v = mem_resize(m->v, m->n + 1, sizeof m->v[0]);
	m->v[m->n++] = *e;
}

static int parse(const char *path, struct str text, bool chroot_default, const struct notes *n,
	struct master_cf *m, struct why *why)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(FILE_MAX);
	struct conf_lines lines = { text, 0 };
	struct why inner = { "" };
	int at = 0;

	while (conf_lines_next(&lines, &line, &at) > 0) {
		struct master_entry e = { 0 };

		if (is_space((unsigned char)line.ptr[0])) {
			note(n, NOTE_WARN,
				"%s: logical line must not start with whitespace: \"%s\"", path,
				line.ptr);
			continue;
		}
		if (master_entry_parse(buf_str(&line), chroot_default, &e, &inner) < 0)
			return why_set(why, -EINVAL, "%s: line %d: %s", path, at, inner.text);
		e.line = at;
		add_entry(m, &e, n);
	}
	return 0;
}

int master_cf_load(const char *path, bool chroot_default, const struct notes *n,
	struct master_cf *ret, struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(FILE_MAX);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct master_cf m = { 0 };
	int r;

	if (fd < 0)
		return why_errno(why, -errno, "open %s", path);
	r = fd_read_all(fd, &text);
	if (r < 0)
		return why_errno(why, r, "read %s", path);
	r = parse(path, buf_str(&text), chroot_default, n, &m, why);
	if (r < 0)
		master_cf_done(&m);
	else
		*ret = m;
	return r;
}

const struct master_entry *master_cf_find(const struct master_cf *m, struct str name,
	enum master_type t)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].type == t && str_eq(str_of(m->v[i].name), name))
			return &m->v[i];
	return NULL;
}
