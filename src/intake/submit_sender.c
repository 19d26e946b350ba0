/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/submit_sender.c — which sender addresses a user may use (local_login_sender_maps).
 */
#include "address/address.h"
#include "intake/submit_priv.h"

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

static bool any_matches(struct str patterns, struct str delimiters, struct str sender)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(sender.len + 1);
	struct str plain = strip_extension(sender, delimiters, &b);
	struct str word;

	while (str_word(&patterns, ", \t\r\n", &word))
		if (pattern_matches(word, sender) || pattern_matches(word, plain))
			return true;
	return false;
}

unsigned submit_check_sender(struct submit *s, struct str sender)
{
	const struct submit_settings *set = &s->c->s;
	_cleanup_buf_ struct buf patterns = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf login = BUF_LOCAL(BUF_SMALL);
	struct str shown = sender.len > 0
				   ? sender
				   : str_of(set->empty_address_local_login_sender_maps_lookup_key);
	struct why why = s->c->senders_broken;
	enum lookup found = LOOKUP_TEMPFAIL;

	if (s->user.login[0] != '\0')
		buf_puts(&login, s->user.login);
	else
		buf_putf(&login, "uid:%ld", (long)s->user.uid);
	if (why.text[0] == '\0')
		found = tables_get(&s->c->senders, buf_str(&login), false, &patterns, &why);
	if (found == LOOKUP_TEMPFAIL) {
		note(set->log, NOTE_WARN, "uid=%ld: %s", (long)s->user.uid, why.text);
		buf_putf(&s->reason, "local_login_sender_maps table lookup error for '%.500s'",
			set->local_login_sender_maps);
		return INTAKE_STAT_WRITE;
	}
	if (found == LOOKUP_FOUND &&
		any_matches(buf_str(&patterns), str_of(set->recipient_delimiter), shown))
		return 0;
	buf_putf(&s->reason, "not authorized to use sender='" STR_FMT "'",
		STR_ARG(str_head(sender, 500)));
	return INTAKE_STAT_NOPERM;
}
