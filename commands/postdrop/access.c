/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c — who may submit mail, and as whom.
 */
#include <pwd.h>
#include <unistd.h>

#include "address/address.h"
#include "log/log.h"
#include "postdrop.h"
#include "table/match.h"

void access_check_submit(const struct postdrop_conf *c, const struct table_settings *t)
{
	struct match_list *users = match_new(t, "authorized_submit_users", MATCH_STRING, false,
		str_of(c->authorized_submit_users));
	const struct passwd *pw = getpwuid(getuid());
	const char *name = pw == NULL ? "unknown" : pw->pw_name;
	struct why why = { "" };
	enum lookup found = match_str(users, str_of(name), &why);

	match_free(users);
	if (found == LOOKUP_TEMPFAIL)
		log_fatal("authorized_submit_users: %s", why.text);
	if (found == LOOKUP_NONE)
		log_fatal("User %s(%ld) is not allowed to submit mail", name, (long)getuid());
}

/* "user+ext@domain" without "+ext". */
static struct str strip_extension(struct str sender, struct str delimiters, struct buf *b)
{
	struct address_parts p = address_split(sender);
	struct str user;
	struct str ext;

	if (delimiters.len == 0 || !address_split_ext(p.local, delimiters, &user, &ext))
		return sender;
	buf_put(b, user);
	if (p.has_at) {
		buf_putc(b, '@');
		buf_put(b, p.domain);
	}
	return buf_str(b);
}

static bool pattern_matches(struct str pattern, struct str sender)
{
	ptrdiff_t at = str_rchr(sender, '@');

	if (str_eq(pattern, STR("*")))
		return true;
	if (pattern.len > 1 && pattern.ptr[0] == '@')
		return at >= 0 && str_ieq(str_skip(sender, (size_t)at), pattern);
	return str_ieq(pattern, sender);
}

static bool any_matches(struct str patterns, const struct postdrop_conf *c, struct str sender)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct str plain = strip_extension(sender, str_of(c->recipient_delimiter), &b);
	struct str word;

	while (str_word(&patterns, ", \t\r\n", &word))
		if (pattern_matches(word, sender) || pattern_matches(word, plain))
			return true;
	return false;
}

unsigned access_check_sender(const struct postdrop_conf *c, const struct table_settings *t,
	struct str sender, struct buf *reason)
{
	_cleanup_buf_ struct buf patterns = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf login = BUF(BUF_SMALL);
	const struct passwd *pw = getpwuid(getuid());
	struct str shown = sender.len > 0
				   ? sender
				   : str_of(c->empty_address_local_login_sender_maps_lookup_key);
	struct tables maps;
	struct why why = { "" };
	enum lookup found = LOOKUP_TEMPFAIL;

	if (pw != NULL)
		buf_puts(&login, pw->pw_name);
	else
		buf_putf(&login, "uid:%ld", (long)getuid());
	if (tables_open(t, "local_login_sender_maps", str_of(c->local_login_sender_maps),
		    TABLE_FOLD_FIX | (c->smtputf8_enable ? TABLE_UTF8 : 0), &maps, &why) == 0) {
		found = tables_get(&maps, buf_str(&login), false, &patterns, &why);
		tables_done(&maps);
	}
	if (found == LOOKUP_TEMPFAIL) {
		log_warn("%s", why.text);
		buf_putf(reason, "local_login_sender_maps table lookup error for '%s'",
			c->local_login_sender_maps);
		return INTAKE_STAT_WRITE;
	}
	if (found == LOOKUP_FOUND && any_matches(buf_str(&patterns), c, shown))
		return 0;
	buf_putf(reason, "not authorized to use sender='" STR_FMT "'",
		STR_ARG(str_head(sender, 500)));
	return INTAKE_STAT_NOPERM;
}
