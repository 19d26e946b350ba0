/* SPDX-License-Identifier: Apache-2.0 */
/* table/match.c — see match.h. */
#include "table/match.h"

#include <errno.h>

#include "base/mem.h"
#include "table/fold.h"
#include "table/table_priv.h"
#include "table/textfile.h"

/* Files that name files that name files. */
#define NEST_MAX 10
/* Longest subject; nothing that is longer matches. */
#define SUBJECT_MAX ((size_t)64 * 1024)

enum item_kind {
	ITEM_TEXT,
	ITEM_NET, /* address or block; also compared as text */
	ITEM_TABLE,
	ITEM_ERROR, /* text says what; reaching it is a failure */
};

struct item {
	enum item_kind kind;
	bool negate;
	char *text; /* folded */
	struct net_cidr net;
	struct table *table;
};

struct match_list {
	struct table_settings s;
	char *title;
	enum match_kind kind;
	bool parent;
	struct item *v;
	size_t n;
	char *failed;
};

static void push(struct match_list *m, struct item item)
{
	if ((m->n & (m->n - 1)) == 0)
		m->v = mem_resize(m->v, m->n == 0 ? 1 : m->n * 2, sizeof(*m->v));
	m->v[m->n++] = item;
}

/* Unicode folding where the text is UTF-8, ASCII otherwise. */
static struct str fold(struct buf *b, struct str s)
{
	if (table_fold(b, s, true) < 0) {
		buf_clear(b);
		if (table_fold(b, s, false) < 0)
			buf_clear(b);
	}
	return str_of(buf_cstr(b));
}

static bool wants_nets(const struct match_list *m)
{
	return m->kind == MATCH_NAMADR;
}

static void add_net_or_text(struct match_list *m, struct item item, struct str word)
{
	bool bracketed = word.ptr[0] == '[';
	bool has_slash = str_chr(word, '/') >= 0;
	_cleanup_buf_ struct buf folded = BUF_LOCAL(SIZE_MAX / 2);
	struct why why = { "" };

	(void)fold(&folded, word);
	item.text = buf_take(&folded);
	item.kind = ITEM_TEXT;
	if (wants_nets(m)) {
		if (net_cidr_parse(word, &item.net, &why) == 0) {
			item.kind = ITEM_NET;
		} else if (bracketed || has_slash) {
			free(item.text);
			item.text = mem_strdup(why.text);
			item.kind = ITEM_ERROR;
			note(m->s.notes, NOTE_WARN, "%s: %s", m->title, why.text);
		}
	}
	push(m, item);
}

static void parse(struct match_list *m, struct str text, bool negate, int depth);

static void add_file(struct match_list *m, struct str path, bool negate, int depth)
{
	_cleanup_free_ char *name = str_dup(path);
	_cleanup_buf_ struct buf line = BUF_LOCAL(TEXTLINE_MAX);
	struct why why = { "" };
	struct textfile f;

	if (depth >= NEST_MAX) {
		(void)why_set(&why, -ELOOP, "%s: too many nested files at %s", m->title, name);
	} else if (textfile_open(&f, name, &why) == 0) {
		while (textfile_next(&f, name, m->s.notes, &line))
			parse(m, buf_str(&line), negate, depth + 1);
		textfile_done(&f);
		return;
	}
	note(m->s.notes, NOTE_WARN, "%s: %s", m->title, why.text);
	push(m, (struct item){ .kind = ITEM_ERROR, .text = mem_strdup(why.text) });
}

static void add_word(struct match_list *m, struct str word, bool negate, int depth)
{
	struct item item = { .kind = ITEM_TABLE, .negate = negate };

	while (word.len > 0 && word.ptr[0] == '!') {
		item.negate = !item.negate;
		word = str_skip(word, 1);
	}
	if (word.len == 0) {
		struct why why = { "" };

		(void)why_set(&why, -EINVAL, "%s: no pattern after '!'", m->title);
		free(m->failed);
		m->failed = mem_strdup(why.text);
		note(m->s.notes, NOTE_ERROR, "%s", m->failed);
		return;
	}
	if (word.ptr[0] == '/') {
		add_file(m, word, item.negate, depth);
	} else if (word.ptr[0] != '[' && str_chr(word, ':') >= 0) {
		item.text = str_dup(word);
		item.table = table_open(&m->s, word, 0);
		push(m, item);
	} else {
		add_net_or_text(m, item, word);
	}
}

static void parse(struct match_list *m, struct str text, bool negate, int depth)
{
	_cleanup_strv_ struct strv words = { 0 };
	_cleanup_buf_ struct buf braced = BUF_LOCAL(SIZE_MAX / 2);

	if (str_trim(text).len == 0)
		return;
	buf_putf(&braced, "{" STR_FMT "}", STR_ARG(text));
	if (table_split_braces(buf_str(&braced), &words) < 0) {
		if (str_find(text, STR("{")) < 0 && str_find(text, STR("}")) < 0)
			return;

		struct why why = { "" };

		(void)why_set(&why, -EINVAL, "%s: unbalanced braces in \"" STR_FMT "\"", m->title,
			STR_ARG(str_head(text, 200)));
		free(m->failed);
		m->failed = mem_strdup(why.text);
		note(m->s.notes, NOTE_ERROR, "%s", m->failed);
		return;
	}
	for (size_t i = 0; i < words.n; i++) {
		struct str word = str_of(words.v[i]), bare;

		if (word.ptr[0] == '{' && table_strip_braces(word, &bare) == NULL)
			parse(m, bare, negate, depth);
		else
			add_word(m, word, negate, depth);
	}
}

struct match_list *match_new(const struct table_settings *s, const char *title,
	enum match_kind kind, bool parent, struct str text)
{
	struct match_list *m = mem_new(struct match_list);

	m->s = *s;
	m->title = mem_strdup(title);
	m->kind = kind;
	m->parent = parent;
	parse(m, text, false, 0);
	return m;
}

void match_free(struct match_list *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++) {
		table_unref(m->v[i].table);
		free(m->v[i].text);
	}
	free(m->v);
	free(m->failed);
	free(m->title);
	free(m);
}

const char *match_failed(const struct match_list *m)
{
	return m->failed;
}

const char *match_changed(const struct match_list *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].table != NULL && table_changed(m->v[i].table))
			return table_spec(m->v[i].table);
	return NULL;
}

/* Is the key in the table? Its value does not matter, not even an empty one. */
static enum lookup in_table(const struct item *item, struct str key, struct why *why)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why cause = { "" };
	enum lookup r = table_get_raw(item->table, key, &value, &cause);

	if (r == LOOKUP_TEMPFAIL)
		(void)why_set(why, -EIO, "%s lookup error for \"" STR_FMT "\": %s",
			table_spec(item->table), STR_ARG(str_head(key, 100)), cause.text);
	return r;
}

static enum lookup is_text(const struct item *item, struct str s)
{
	return str_eq(str_of(item->text), s) ? LOOKUP_FOUND : LOOKUP_NONE;
}

static enum lookup try_string(const struct item *item, struct str s, struct why *why)
{
	return item->kind == ITEM_TABLE ? in_table(item, s, why) : is_text(item, s);
}

/* Name and its parents in a table; pattern tables see the name only. */
static enum lookup name_in_table(const struct match_list *m, const struct item *item,
	struct str name, struct why *why)
{
	struct str key = name;

	for (;;) {
		enum lookup r = in_table(item, key, why);

		if (r != LOOKUP_NONE || table_is_pattern(item->table))
			return r;

		ptrdiff_t dot = str_chr(str_skip(key, 1), '.');

		if (key.len == 0 || dot < 0)
			return LOOKUP_NONE;
		key = str_skip(key, (size_t)dot + (m->parent ? 2 : 1));
		if (key.len == 0)
			return LOOKUP_NONE;
	}
}

static enum lookup try_name(const struct match_list *m, const struct item *item, struct str name,
	struct why *why)
{
	if (item->kind == ITEM_TABLE)
		return name_in_table(m, item, name, why);

	struct str p = str_of(item->text);

	if (str_eq(p, name))
		return LOOKUP_FOUND;
	if (p.len == 0 || name.len <= p.len || !str_ends(name, p))
		return LOOKUP_NONE;
	if (p.ptr[0] == '.')
		return m->parent ? LOOKUP_NONE : LOOKUP_FOUND;
	return m->parent && name.ptr[name.len - p.len - 1] == '.' ? LOOKUP_FOUND : LOOKUP_NONE;
}

static enum lookup try_addr(const struct item *item, struct str addr, const struct net_addr *a,
	struct why *why)
{
	if (item->kind == ITEM_TABLE)
		return in_table(item, addr, why);
	if (is_text(item, addr) == LOOKUP_FOUND)
		return LOOKUP_FOUND;
	return item->kind == ITEM_NET && a != NULL && net_cidr_has(&item->net, a) ? LOOKUP_FOUND
										  : LOOKUP_NONE;
}

static enum lookup try_mail(const struct match_list *m, const struct item *item, struct str s,
	struct why *why)
{
	enum lookup r = try_string(item, s, why);
	ptrdiff_t at = str_rchr(s, '@');

	if (r != LOOKUP_NONE || at < 0)
		return r;
	/* "user@" is a partial key. */
	if (item->kind != ITEM_TABLE || !table_is_pattern(item->table)) {
		r = try_string(item, str_head(s, (size_t)at + 1), why);
		if (r != LOOKUP_NONE)
			return r;
	}
	return try_name(m, item, str_skip(s, (size_t)at + 1), why);
}

static enum lookup failed(const struct match_list *m, const char *text, struct why *why)
{
	(void)why_set(why, -EINVAL, "%s: %s", m->title, text);
	return LOOKUP_TEMPFAIL;
}

enum lookup match_str(const struct match_list *m, struct str s, struct why *why)
{
	if (m->failed != NULL)
		return failed(m, m->failed, why);
	if (s.len > SUBJECT_MAX)
		return LOOKUP_NONE;

	_cleanup_buf_ struct buf folded = BUF_LOCAL(SIZE_MAX / 2);
	struct str subject = fold(&folded, s);

	for (size_t i = 0; i < m->n; i++) {
		const struct item *item = &m->v[i];
		enum lookup r = LOOKUP_NONE;

		if (item->kind == ITEM_ERROR)
			return failed(m, item->text, why);
		switch (m->kind) {
		case MATCH_STRING:
			r = try_string(item, subject, why);
			break;
		case MATCH_DOMAIN:
		case MATCH_NAMADR:
			r = try_name(m, item, subject, why);
			break;
		case MATCH_ADDRESS:
		default:
			r = try_mail(m, item, subject, why);
			break;
		}
		if (r == LOOKUP_FOUND)
			return item->negate ? LOOKUP_NONE : LOOKUP_FOUND;
		if (r == LOOKUP_TEMPFAIL)
			return r;
	}
	return LOOKUP_NONE;
}

enum lookup match_client(const struct match_list *m, struct str name, struct str addr,
	struct why *why)
{
	struct net_addr numeric;

	if (m->failed != NULL)
		return failed(m, m->failed, why);
	if (name.len > SUBJECT_MAX || addr.len > SUBJECT_MAX)
		return LOOKUP_NONE;

	_cleanup_buf_ struct buf folded_name = BUF_LOCAL(SIZE_MAX / 2);
	_cleanup_buf_ struct buf folded_addr = BUF_LOCAL(SIZE_MAX / 2);
	struct str n = fold(&folded_name, name), a = fold(&folded_addr, addr);
	bool has_name = n.len > 0 && !str_eq(n, STR("unknown"));
	bool has_addr = net_addr_parse(a, 0, &numeric) == 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct item *item = &m->v[i];
		enum lookup r = LOOKUP_NONE;

		if (item->kind == ITEM_ERROR)
			return failed(m, item->text, why);
		if (has_name)
			r = try_name(m, item, n, why);
		if (r == LOOKUP_NONE)
			r = try_addr(item, a, has_addr ? &numeric : NULL, why);
		if (r == LOOKUP_FOUND)
			return item->negate ? LOOKUP_NONE : LOOKUP_FOUND;
		if (r == LOOKUP_TEMPFAIL)
			return r;
	}
	return LOOKUP_NONE;
}
