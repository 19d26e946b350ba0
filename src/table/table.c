/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/table.c — opening by type, surrogates, and what every lookup has in common: folding,
 * validation, and judging the result.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "table/fold.h"
#include "table/table_priv.h"

/* Values are bounded by what the types can hold; keys that are longer than this match nothing. */
#define KEY_MAX_LEN ((size_t)1024 * 1024)

static const struct table_ops *const all_ops[] = {
	&table_btree_ops,
	&table_cdb_ops,
	&table_cidr_ops,
	&table_debug_ops,
	&table_environ_ops,
	&table_fail_ops,
	&table_hash_ops,
	&table_inline_ops,
	&table_internal_ops,
	&table_lmdb_ops,
	&table_pcre_ops,
	&table_pipemap_ops,
	&table_proxy_ops,
	&table_randmap_ops,
	&table_regexp_ops,
	&table_static_ops,
	&table_texthash_ops,
	&table_unionmap_ops,
	&table_unix_ops,
};

/* Same order as all_ops; table.c's test compares the two. */
static const char *const type_names[] = { "btree", "cdb", "cidr", "debug", "environ", "fail",
	"hash", "inline", "internal", "lmdb", "pcre", "pipemap", "proxy", "randmap", "regexp",
	"static", "texthash", "unionmap", "unix", NULL };

const char *const *table_types(void)
{
	return type_names;
}

const struct table_ops *table_ops_find(struct str type)
{
	for (size_t i = 0; i < ARRAY_LEN(all_ops); i++)
		if (str_eq(type, str_of(all_ops[i]->type)))
			return all_ops[i];
	return NULL;
}

/* Types that others have: the reason says that it is this build that lacks them. */
static bool is_foreign_type(struct str type)
{
	static const char *const known[] = { "dbm", "ldap", "memcache", "mongodb", "mysql",
		"netinfo", "nis", "nisplus", "pgsql", "sdbm", "socketmap", "sqlite", "tcp" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(type, str_of(known[i])))
			return true;
	return false;
}

/* Types without authentication, which PARANOID users refuse whether or not they are supported. */
static bool is_unauth_type(struct str type)
{
	return str_eq(type, STR("tcp")) || str_eq(type, STR("socketmap")) ||
	       str_eq(type, STR("memcache"));
}

static struct table *new_table(const struct table_settings *s, struct str spec, unsigned flags)
{
	struct table *t = mem_new(struct table);

	t->spec = str_dup(spec);
	t->flags = flags;
	t->s = *s;
	atomic_init(&t->refs, 1);

	ptrdiff_t colon = str_chr(spec, ':');

	t->type_text = str_dup(colon < 0 ? spec : str_head(spec, (size_t)colon));
	t->type = t->type_text;
	t->name = colon < 0 ? "" : t->spec + colon + 1;
	return t;
}

/* A name without "type:" is a path for the default type. */
static struct table *new_from_spec(const struct table_settings *s, struct str spec, unsigned flags)
{
	if (str_chr(spec, ':') >= 0 || s->default_database_type == NULL || spec.len == 0)
		return new_table(s, spec, flags);

	_cleanup_buf_ struct buf full = BUF_LOCAL(BUF_MEDIUM);

	buf_putf(&full, "%s:" STR_FMT, s->default_database_type, STR_ARG(spec));
	return new_table(s, buf_str(&full), flags);
}

static int open_type(struct table *t, struct why *why)
{
	struct str type = str_of(t->type);

	if (t->name[0] == '\0')
		return why_set(why, -EINVAL,
			"open dictionary: expecting \"type:name\" form instead of \"%s\"", t->spec);
	if ((t->flags & TABLE_NO_UNAUTH) != 0 && is_unauth_type(type))
		return why_set(why, -EPERM, "%s map is not allowed for security sensitive data",
			t->spec);
	t->ops = table_ops_find(type);
	if (t->ops == NULL && is_foreign_type(type))
		return why_set(why, -ENOTSUP,
			"unsupported dictionary type: %s (not supported by Postroad)", t->type);
	if (t->ops == NULL)
		return why_set(why, -ENOTSUP, "unsupported dictionary type: %s", t->type);
	t->pattern = t->ops->pattern;
	return t->ops->open(t, why);
}

struct table *table_open(const struct table_settings *s, struct str spec, unsigned flags)
{
	struct table *t = new_from_spec(s, spec, flags);
	struct why why = { "" };

	if (open_type(t, &why) < 0) {
		t->failed = mem_strdup(why.text);
		/* Nothing is known of the keys: ask the full one only, once. */
		t->pattern = true;
		note(t->s.notes, NOTE_ERROR, "%s", t->failed);
	}
	return t;
}

int table_open_member(const struct table *outer, struct str spec, struct table **ret,
	struct why *why)
{
	struct table *t = new_table(&outer->s, spec, outer->flags);
	int r = open_type(t, why);

	if (r < 0) {
		table_unref(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct table *table_ref(struct table *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void table_unref(struct table *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (t->ops != NULL && t->ops->close != NULL)
		t->ops->close(t);
	free(t->failed);
	free(t->type_text);
	free(t->spec);
	free(t);
}

const char *table_failed(const struct table *t)
{
	return t->failed;
}

const char *table_spec(const struct table *t)
{
	return t->spec;
}

bool table_is_pattern(const struct table *t)
{
	return t->pattern;
}

bool table_changed(const struct table *t)
{
	return t->failed == NULL && t->ops->changed != NULL && t->ops->changed(t);
}

/* The key as get() wants it: folded when asked for, with a NUL behind. False: matches nothing. */
static bool prepare_key(const struct table *t, struct str key, struct buf *ret)
{
	bool fold = (t->flags & (t->pattern ? TABLE_FOLD_MUL : TABLE_FOLD_FIX)) != 0;
	bool utf8 = (t->flags & TABLE_UTF8) != 0;

	if (key.len > KEY_MAX_LEN)
		return false;
	if (utf8 && str_has_8bit(key) && !utf8_is_valid(key)) {
		_cleanup_buf_ struct buf shown = BUF_LOCAL(KEY_MAX_LEN);

		text_printable(&shown, key, true);
		note(t->s.notes, NOTE_WARN,
			"%s: non-UTF-8 key \"%.100s\": malformed UTF-8 or invalid codepoint",
			t->spec, buf_cstr(&shown));
		return false;
	}

	int r = fold ? table_fold(ret, key, utf8) : buf_add(ret, key);

	return r == 0 && buf_reserve(ret, 0) == 0;
}

enum lookup table_get_raw(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	if (t->failed != NULL) {
		note(t->s.notes, NOTE_WARN, "%s is unavailable. %s", t->spec, t->failed);
		(void)why_set(why, -EIO, "%s is unavailable. %s", t->spec, t->failed);
		return LOOKUP_TEMPFAIL;
	}

	_cleanup_buf_ struct buf folded = BUF_LOCAL(KEY_MAX_LEN * 4);

	if (!prepare_key(t, key, &folded))
		return LOOKUP_NONE;

	size_t before = ret->len;
	enum lookup r = t->ops->get(t, buf_str(&folded), ret, why);

	if (r != LOOKUP_FOUND) {
		buf_truncate(ret, before);
		return r;
	}

	struct str value = str_skip(buf_str(ret), before);

	if ((t->flags & TABLE_UTF8) == 0 || !str_has_8bit(value) || utf8_is_valid(value))
		return r;
	buf_truncate(ret, before);
	(void)why_set(why, -EILSEQ,
		"%s: key \"" STR_FMT "\": non-UTF-8 value: malformed UTF-8 or invalid codepoint",
		t->spec, STR_ARG(str_head(key, 100)));
	return LOOKUP_TEMPFAIL;
}

enum lookup table_get_member(const struct table *t, struct str key, struct buf *ret,
	struct why *why)
{
	return table_get_raw(t, key, ret, why);
}

enum lookup table_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	struct why cause = { "" };
	size_t before = ret->len;
	enum lookup r = table_get_raw(t, key, ret, &cause);

	if (r == LOOKUP_FOUND && ret->len == before) {
		note(t->s.notes, NOTE_WARN,
			"%s lookup of " STR_FMT " returns an empty string result", t->spec,
			STR_ARG(str_head(key, 100)));
		note(t->s.notes, NOTE_WARN, "%s should return NO RESULT in case of NOT FOUND",
			t->spec);
		(void)why_set(&cause, -EINVAL, "empty string result is not allowed");
		r = LOOKUP_TEMPFAIL;
	}
	if (r == LOOKUP_TEMPFAIL)
		(void)why_set(why, -EIO, "%s lookup error for \"" STR_FMT "\"%s%s", t->spec,
			STR_ARG(str_head(key, 100)), t->failed == NULL ? ": " : "",
			t->failed == NULL ? cause.text : "");
	return r;
}

int table_each(const struct table *t, table_each_fn fn, void *ctx, struct why *why)
{
	if (t->failed != NULL)
		return why_set(why, -EIO, "%s", t->failed);
	if (t->ops->each == NULL)
		return why_set(why, -ENOTSUP, "table %s: sequence operation is not supported",
			t->spec);
	return t->ops->each(t, fn, ctx, why);
}
