/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/rewrite.c — addresses into standard form.
 *
 * Works on the external form, where quotes tell an operator from a character of a name.
 */
#include <errno.h>

#include "address/router_priv.h"

/* Position of the first (or last) `ch` outside quotes, or -1. */
static ptrdiff_t find_plain(struct str s, char ch, bool last)
{
	ptrdiff_t found = -1;
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			quoted = !quoted;
		else if (s.ptr[i] == ch && !quoted) {
			found = (ptrdiff_t)i;
			if (!last)
				break;
		}
	}
	return found;
}

/* "@site,@site:user@domain" becomes "user@domain". */
static struct str strip_route(struct str s)
{
	while (str_starts(s, STR("@"))) {
		ptrdiff_t colon = find_plain(s, ':', false);

		if (colon < 0 || (size_t)colon + 1 == s.len)
			break;
		s = str_trim(str_skip(s, (size_t)colon + 1));
	}
	return s;
}

/* Split at an operator outside quotes. */
static bool split(struct str s, char op, bool last, struct str *ret_left, struct str *ret_right)
{
	ptrdiff_t pos = find_plain(s, op, last);

	if (pos < 0)
		return false;
	*ret_left = str_head(s, (size_t)pos);
	*ret_right = str_skip(s, (size_t)pos + 1);
	return true;
}

struct form {
	struct str local;  /* external */
	struct str domain; /* first part */
	struct str suffix; /* ".mydomain" to come behind it */
	bool has_at;
};

/* A domain that completes an address, or NULL when none shall be added. */
static const char *completion(const struct router *r, enum rewrite_rule rule, const char *local)
{
	const char *remote = r->s.remote_header_rewrite_domain;

	if (rule == REWRITE_LOCAL)
		return local;
	return remote == NULL || *remote == '\0' ? NULL : remote;
}

static void add_domain(const struct router *r, enum rewrite_rule rule, struct form *f)
{
	const char *origin = completion(r, rule, r->s.myorigin);

	if (r->s.append_at_myorigin && origin != NULL) {
		f->domain = str_of(origin);
		f->has_at = true;
	}
}

static void add_suffix(const struct router *r, enum rewrite_rule rule, struct form *f)
{
	const char *domain = completion(r, rule, r->s.mydomain);

	if (r->s.append_dot_mydomain && domain != NULL && *domain != '\0' && f->domain.len > 0 &&
		str_chr(f->domain, '.') < 0 && f->domain.ptr[0] != '[')
		f->suffix = str_of(domain);
}

/* One final dot is taken away where something stands before it. */
static struct str strip_dot(struct str domain)
{
	if (domain.len > 1 && str_ends(domain, STR(".")) && domain.ptr[domain.len - 2] != '.')
		domain.len--;
	return domain;
}

static struct form standard_form(const struct router *r, enum rewrite_rule rule, struct str s)
{
	struct form f = { .domain = STR_EMPTY, .suffix = STR_EMPTY, .has_at = true };

	s = strip_route(s);
	if (split(s, '@', true, &f.local, &f.domain)) {
		;
	} else if (r->s.swap_bangpath && split(s, '!', false, &f.domain, &f.local)) {
		;
	} else if (r->s.allow_percent_hack && split(s, '%', true, &f.local, &f.domain)) {
		;
	} else {
		f.local = s;
		f.has_at = false;
		add_domain(r, rule, &f);
	}
	add_suffix(r, rule, &f);
	if (f.suffix.len > 0)
		f.suffix = strip_dot(f.suffix);
	else
		f.domain = strip_dot(f.domain);
	if (!f.has_at)
		f.local = strip_dot(f.local);
	return f;
}

/* The standard form as internal address. */
static int put_internal(struct buf *b, const struct form *f)
{
	int r = address_unquote(b, f->local);

	if (r == -EINVAL) /* a quote that does not end: take it as text */
		r = buf_add(b, f->local);
	if (r == 0 && f->has_at)
		r = buf_addc(b, '@');
	if (r == 0 && f->has_at)
		r = buf_add(b, f->domain);
	if (r == 0 && f->suffix.len > 0) {
		r = buf_addc(b, '.');
		if (r == 0)
			r = buf_add(b, f->suffix);
	}
	return r;
}

static int rewrite(const struct router *r, enum rewrite_rule rule, struct str external,
	struct buf *internal, bool *ret_has_at)
{
	struct form f;

	external = str_trim(external);
	if (external.len == 0 || str_eq(external, STR("@")) || str_eq(external, STR("\"\"")))
		return 0;
	f = standard_form(r, rule, external);
	*ret_has_at = f.has_at;
	return put_internal(internal, &f);
}

int router_rewrite(const struct router *r, enum rewrite_rule rule, struct str external,
	struct buf *ret)
{
	struct buf internal = BUF_LOCAL(ret->limit);
	bool has_at = true;
	int e = rewrite(r, rule, external, &internal, &has_at);

	if (e == 0)
		e = has_at ? address_quote(ret, buf_str(&internal))
			   : address_quote_local(ret, buf_str(&internal));
	buf_done(&internal);
	return e;
}

int router_rewrite_internal(const struct router *r, enum rewrite_rule rule, struct str internal,
	struct buf *ret)
{
	struct buf external = BUF_LOCAL(2 * internal.len + 3);
	size_t start = ret->len;
	bool has_at;
	int e = address_quote(&external, internal);

	if (e == 0)
		e = rewrite(r, rule, buf_str(&external), ret, &has_at);
	buf_done(&external);
	if (e < 0)
		buf_truncate(ret, start);
	return e;
}
