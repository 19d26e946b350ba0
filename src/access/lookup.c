/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/lookup.c — the keys that an access table is asked, in the documented order.
 *
 * The first key is asked of every table; the later, partial ones only of tables with fixed strings.
 */
#include "access/access_priv.h"

static bool is_numeric(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!is_digit((unsigned char)c) && c != '.')
			return str_chr(name, ':') >= 0 || name.ptr[0] == '[';
	}
	return true;
}

enum lookup access_find_domain(struct eval *ev, const struct tables *t, struct str name,
	struct buf *ret, struct why *why)
{
	enum lookup r;

	while (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	r = tables_get(t, name, false, ret, why);
	if (r != LOOKUP_NONE || is_numeric(name))
		return r;
	for (;;) {
		ptrdiff_t dot = str_chr(str_skip(name, 1), '.');

		if (dot < 0)
			return LOOKUP_NONE;
		name = str_skip(name, (size_t)dot + 1); /* ".parent" */
		if (name.len < 2)
			return LOOKUP_NONE;
		r = tables_get(t, ev->a->access_parent_style ? str_skip(name, 1) : name, true, ret,
			why);
		if (r != LOOKUP_NONE)
			return r;
	}
}

enum lookup access_find_addr(struct eval *ev, const struct tables *t, struct str addr,
	struct buf *ret, struct why *why)
{
	char sep = str_chr(addr, ':') >= 0 ? ':' : '.';
	enum lookup r = tables_get(t, addr, false, ret, why);

	(void)ev;
	while (r == LOOKUP_NONE) {
		ptrdiff_t at = str_rchr(addr, sep);

		if (at <= 0)
			break;
		addr = str_head(addr, (size_t)at);
		r = tables_get(t, addr, true, ret, why);
	}
	return r;
}

/* One key, in external form and, when it differs, in internal form. */
static enum lookup get_both(const struct tables *t, struct str local, struct str domain,
	bool partial, struct buf *ret, struct why *why)
{
	_cleanup_buf_ struct buf internal = BUF_LOCAL(BUF_SMALL), external = BUF_LOCAL(BUF_SMALL);
	enum lookup r;

	if (buf_addf(&internal, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain)) < 0)
		return LOOKUP_NONE;
	if (address_quote(&external, buf_str(&internal)) < 0)
		return LOOKUP_NONE;
	r = tables_get(t, buf_str(&external), partial, ret, why);
	if (r == LOOKUP_NONE && !str_eq(buf_str(&internal), buf_str(&external)))
		r = tables_get(t, buf_str(&internal), partial, ret, why);
	return r;
}

/* "user@": quoted, then plain. */
static enum lookup get_user(const struct tables *t, struct str local, struct buf *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf internal = BUF_LOCAL(BUF_SMALL), external = BUF_LOCAL(BUF_SMALL);
	enum lookup r;

	if (buf_addf(&internal, STR_FMT "@", STR_ARG(local)) < 0)
		return LOOKUP_NONE;
	/* Quoting needs a domain to know where the local part ends. */
	if (buf_addf(&external, STR_FMT "@x", STR_ARG(local)) < 0)
		return LOOKUP_NONE;
	_cleanup_buf_ struct buf quoted = BUF_LOCAL(BUF_SMALL);
	if (address_quote(&quoted, buf_str(&external)) < 0)
		return LOOKUP_NONE;
	buf_truncate(&quoted, quoted.len - 1);
	r = tables_get(t, buf_str(&quoted), true, ret, why);
	if (r == LOOKUP_NONE && !str_eq(buf_str(&internal), buf_str(&quoted)))
		r = tables_get(t, buf_str(&internal), true, ret, why);
	return r;
}

enum lookup access_find_mail(struct eval *ev, const struct tables *t, struct str internal,
	struct buf *ret, struct why *why)
{
	struct address_parts p = address_split(internal);
	struct str user = p.local, ext;
	bool has_ext = address_split_ext(p.local, str_of(ev->a->s.recipient_delimiter), &user,
		&ext);
	enum lookup r;

	if (!p.has_at) /* cannot happen for resolved addresses */
		return tables_get(t, internal, false, ret, why);
	r = get_both(t, p.local, p.domain, false, ret, why);
	if (r == LOOKUP_NONE && has_ext)
		r = get_both(t, user, p.domain, true, ret, why);
	if (r == LOOKUP_NONE && !table_is_pattern(t->v[0]))
		r = access_find_domain(ev, t, p.domain, ret, why);
	if (r == LOOKUP_NONE)
		r = get_user(t, p.local, ret, why);
	if (r == LOOKUP_NONE && has_ext)
		r = get_user(t, user, ret, why);
	return r;
}
