/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c — what this build cannot do must not be left out silently.
 *
 * There is no TLS and no SASL in this client. Where the configuration makes them mandatory for a
 * destination, mail waits with a reason that says so; where TLS is optional it goes as plaintext.
 */
#include <errno.h>

#include "client.h"
#include "log/log.h"

/* ---- REQUIRETLS (RFC 8689) ---- */

static bool is_tls_action(struct str word)
{
	return str_ieq(word, STR("enforce")) || str_ieq(word, STR("opportunistic")) ||
	       str_ieq(word, STR("opportunistic+starttls")) || str_ieq(word, STR("disable"));
}

/* The next word; commas and blanks inside braces belong to it. false: none is left. */
static bool next_word(struct str *rest, struct str *ret)
{
	size_t start = 0, end, depth = 0;

	while (start < rest->len &&
		(is_space((unsigned char)rest->ptr[start]) || rest->ptr[start] == ','))
		start++;
	for (end = start; end < rest->len; end++) {
		char c = rest->ptr[end];

		if (c == '{')
			depth++;
		else if (c == '}' && depth > 0)
			depth--;
		else if (depth == 0 && (is_space((unsigned char)c) || c == ','))
			break;
	}
	*ret = str_from(rest->ptr + start, end - start);
	*rest = str_skip(*rest, end);
	return ret->len > 0;
}

int policy_open(struct client *c, const struct table_settings *ts, struct why *why)
{
	struct str list = str_of(c->p.requiretls_policy), word;

	while (next_word(&list, &word)) {
		struct tls_rule *r = &c->requiretls[c->n_requiretls];

		if (c->n_requiretls == MAX_TLS_RULES)
			return why_set(why, -EINVAL, "too many words in requiretls_policy");
		if (is_tls_action(word))
			r->action = word;
		else if (str_chr(word, ':') > 0)
			r->table = table_open(ts, word, TABLE_FOLD_FIX);
		else
			return why_set(why, -EINVAL,
				"unknown word \"" STR_FMT "\" in requiretls_policy", STR_ARG(word));
		c->n_requiretls++;
	}
	return 0;
}

/* The action of a table for a domain, or for a parent as ".parent" in tables of fixed strings. */
static enum lookup ask_table(const struct table *t, struct str domain, struct buf *ret,
	struct why *why)
{
	enum lookup l = table_get(t, domain, ret, why);

	while (l == LOOKUP_NONE && !table_is_pattern(t)) {
		ptrdiff_t dot = str_chr(str_skip(domain, 1), '.');

		if (dot < 0)
			break;
		domain = str_skip(domain, (size_t)dot + 1);
		l = table_get(t, domain, ret, why);
	}
	return l;
}

/* Does the policy for this destination put up with plaintext? */
static bool requiretls_allows(struct delivery *d, const struct smtp_destination *to,
	struct str host)
{
	const struct client *c = d->c;
	_cleanup_buf_ struct buf action = BUF_LOCAL(BUF_SMALL);
	struct str domain = to->name;
	struct why why = { 0 };

	if ((d->rq->sendopts & SENDOPT_REQUIRETLS) == 0)
		return true;
	if (dns_to_ascii(domain, d->a, &domain) < 0)
		domain = to->name;
	for (size_t i = 0; i < c->n_requiretls && action.len == 0; i++) {
		const struct tls_rule *r = &c->requiretls[i];

		if (r->table == NULL)
			buf_put(&action, r->action);
		else if (ask_table(r->table, domain, &action, &why) == LOOKUP_TEMPFAIL) {
			log_warn("%s", why.text);
			set_why(d, "4.7.10", "REQUIRETLS policy lookup error for " STR_FMT,
				STR_ARG(to->text));
			return false;
		}
	}
	if (str_ieq(buf_str(&action), STR("opportunistic")) ||
		str_ieq(buf_str(&action), STR("disable")))
		return true;
	set_why(d, "4.7.10",
		"Sender requested REQUIRETLS, but our TLS engine is unavailable; not sending to "
		"host " STR_FMT " in plaintext",
		STR_ARG(host));
	return false;
}

/* ---- security level ---- */

/* Levels that allow plaintext. */
static bool is_optional(struct str level)
{
	return level.len == 0 || str_ieq(level, STR("none")) || str_ieq(level, STR("may"));
}

/* The level that the policy table has for a next hop: the key as given, then parent domains. */
static enum lookup find_level(const struct client *c, const struct smtp_destination *to,
	struct buf *ret, struct why *why)
{
	struct str key = to->text;
	enum lookup l;

	for (;;) {
		ptrdiff_t dot;

		l = tables_get(&c->tls_policy, key, key.ptr != to->text.ptr, ret, why);
		if (l != LOOKUP_NONE || key.len == 0 || to->text.ptr[0] == '[' ||
			str_chr(to->text, ':') >= 0)
			return l;
		dot = str_chr(str_skip(key, 1), '.');
		if (dot < 0)
			return LOOKUP_NONE;
		key = str_skip(key, (size_t)dot + 1);
	}
}

static bool tls_allows(struct delivery *d, const struct smtp_destination *to, struct str host)
{
	const struct client_params *p = &d->c->p;
	_cleanup_buf_ struct buf v = BUF_LOCAL(BUF_SMALL);
	struct str level = str_of(p->tls_security_level), word;
	struct why why = { 0 };
	const char *program = d->c->lmtp ? "lmtp" : "smtp";

	/* "TLS-Required: no" overrules all but a peer that speaks nothing but TLS. */
	if (p->tls_required_enable && (d->rq->sendopts & SENDOPT_TLS_OPTIONAL) &&
		!p->tls_wrappermode)
		return true;
	if (level.len == 0 && p->enforce_tls)
		level = STR("encrypt");
	switch (find_level(d->c, to, &v, &why)) {
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		set_why(d, "4.7.5", "TLS policy lookup error for " STR_FMT, STR_ARG(to->text));
		return false;
	case LOOKUP_FOUND:
		word = buf_str(&v);
		if (str_word(&word, " \t,", &level) && level.len > 0)
			break;
		level = STR("encrypt");
		break;
	case LOOKUP_NONE:
		break;
	}
	if (p->tls_wrappermode || p->tls_per_site[0] != '\0')
		level = STR("encrypt");
	if (is_optional(level))
		return true;
	set_why(d, "4.7.5",
		"TLS is required (%s_tls_security_level or a policy says \"" STR_FMT
		"\"), but our TLS engine is unavailable; not sending to host " STR_FMT
		" in plaintext",
		program, STR_ARG(level), STR_ARG(host));
	return false;
}

/* Is there a password for this peer? Keys: sender, host, next hop. */
static bool sasl_allows(struct delivery *d, const struct smtp_destination *to, struct str host)
{
	const struct client *c = d->c;
	struct str keys[] = { d->rq->sender, host, to->text };

	if (!c->p.sasl_auth_enable)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		_cleanup_buf_ struct buf v = BUF_LOCAL(BUF_SMALL);
		struct why why = { 0 };

		if (keys[i].len == 0)
			continue;
		switch (tables_get(&c->sasl_passwords, keys[i], false, &v, &why)) {
		case LOOKUP_NONE:
			continue;
		case LOOKUP_TEMPFAIL:
			log_warn("%s", why.text);
			set_why(d, "4.3.0", "SASL password lookup error for " STR_FMT,
				STR_ARG(keys[i]));
			return false;
		case LOOKUP_FOUND:
			break;
		}
		explicit_bzero(v.ptr, v.len);
		set_why(d, "4.7.0",
			"SASL authentication is configured for " STR_FMT
			", but SASL support is unavailable",
			STR_ARG(keys[i]));
		return false;
	}
	return true;
}

bool policy_allows(struct delivery *d, const struct smtp_destination *to, struct str host)
{
	return requiretls_allows(d, to, host) && tls_allows(d, to, host) &&
	       sasl_allows(d, to, host);
}
