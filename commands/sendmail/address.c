/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.c — addresses of the command line, and who submits.
 */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "sendmail.h"

/* Most tokens of one argument: command lines are bounded by the system. */
#define TOKENS_MAX 200000

void list_append(struct address_list *l, const struct address_list *more, struct arena *a)
{
	struct str *v;

	if (more->n == 0)
		return;
	v = arena_array(a, l->n + more->n, sizeof *v);
	if (l->n > 0)
		memcpy(v, l->v, l->n * sizeof *v);
	memcpy(v + l->n, more->v, more->n * sizeof *v);
	l->v = v;
	l->n += more->n;
}

void argument_recipients(const char *arg, struct arena *a, struct address_list *ret)
{
	address_list_parse(str_of(arg), TOKENS_MAX, a, ret);
	if (ret->n == 0) {
		ret->v = arena_obj(a, struct str);
		ret->v[0] = STR_EMPTY;
		ret->n = 1;
	}
}

struct str argument_sender(const char *arg, struct arena *a)
{
	struct address_list l;

	address_list_parse(str_of(arg), TOKENS_MAX, a, &l);
	return l.n == 0 ? STR_EMPTY : l.v[0];
}

/* The first part of a GECOS field; '&' stands for the login name with a capital. */
static const char *gecos_name(const char *gecos, const char *login, struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct str first = str_of(gecos);
	ptrdiff_t comma = str_chr(first, ',');

	first = comma < 0 ? first : str_head(first, (size_t)comma);
	for (size_t i = 0; i < first.len; i++) {
		if (first.ptr[i] != '&') {
			if (buf_addc(&b, first.ptr[i]) < 0)
				return "";
		} else if (login[0] != '\0') {
			if (buf_addc(&b, (char)ascii_upper((unsigned char)login[0])) < 0 ||
				buf_adds(&b, login + 1) < 0)
				return "";
		}
	}
	return arena_cstr(a, buf_str(&b));
}

void user_find(const struct sendmail_options *o, struct arena *a, struct sendmail_user *ret)
{
	const struct passwd *pw;
	const char *name = getenv("NAME");

	*ret = (struct sendmail_user){ .uid = getuid(), .login = "unknown", .full_name = "" };
	pw = getpwuid(ret->uid);
	if (pw != NULL) {
		ret->login = arena_cstr(a, str_of(pw->pw_name));
		ret->full_name = gecos_name(pw->pw_gecos == NULL ? "" : pw->pw_gecos, ret->login,
			a);
	}
	if (o->full_name != NULL)
		ret->full_name = o->full_name;
	else if (name != NULL && name[0] != '\0')
		ret->full_name = name;
}
