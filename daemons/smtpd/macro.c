/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/macro.c — $client, $helo_name and the like in footers.
 *
 * $name, ${name}, $(name), ${name?text}, ${name:text}, ${name?{text}:{text}}; $$ is a dollar. Values
 * come from the peer, so they pass smtpd_expansion_filter.
 */
#include <time.h>

#include "address/address.h"
#include "smtpd.h"

#define MAX_DEPTH 10

struct macro {
	const struct session *s;
	const char *filter;
	struct buf *out;
	int depth;
};

/* smtpd_expansion_filter is raw text with C escapes: \t \40 \\ . */
static bool passes(const char *filter, unsigned char c)
{
	for (const char *p = filter; *p != '\0'; p++) {
		unsigned v = (unsigned char)*p;

		if (*p == '\\' && p[1] != '\0') {
			p++;
			if (*p == 't') {
				v = '\t';
			} else if (*p >= '0' && *p <= '7') {
				v = 0;
				for (int i = 0; i < 3 && *p >= '0' && *p <= '7'; i++)
					v = v * 8 + (unsigned)(*p++ - '0');
				p--;
			} else {
				v = (unsigned char)*p;
			}
		}
		if (v == c)
			return true;
	}
	return false;
}

static void put_value(struct macro *m, struct str v)
{
	for (size_t i = 0; i < v.len; i++)
		if (buf_addc(m->out, passes(m->filter, (unsigned char)v.ptr[i]) ? v.ptr[i] : '_') <
			0)
			return;
}

static struct str value_of(struct macro *m, struct str name, bool *ret_known)
{
	const struct session *s = m->s;
	struct address_parts from = address_split(s->m.sender), to = address_split(s->m.rcpt);
	const struct {
		const char *name;
		struct str value;
	} known[] = {
		{ "client", s->peer.namaddr },
		{ "client_address", s->peer.addr },
		{ "client_name", s->peer.name },
		{ "client_port", s->peer.port },
		{ "reverse_client_name", s->peer.reverse_name },
		{ "helo_name", s->helo },
		{ "server_name", str_of(s->c->myhostname) },
		{ "sender", s->m.has_sender && s->m.sender.len == 0 ? STR("<>") : s->m.sender },
		{ "sender_name", from.local },
		{ "sender_domain", from.domain },
		{ "recipient", s->m.rcpt },
		{ "recipient_name", to.local },
		{ "recipient_domain", to.domain },
	};

	*ret_known = true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(name, str_of(known[i].name)))
			return known[i].value;
	if (str_eq(name, STR("localtime"))) {
		_cleanup_buf_ struct buf b = BUF_LOCAL(100);

		clock_syslog(&b, time(NULL));
		return arena_str(s->scratch, buf_str(&b));
	}
	*ret_known = false;
	return STR_EMPTY;
}

static void expand(struct macro *m, struct str text);

/* "{text}" without its braces; other text as it is. */
static struct str unbrace(struct str t)
{
	t = str_trim(t);
	if (t.len >= 2 && t.ptr[0] == '{' && t.ptr[t.len - 1] == '}')
		return str_from(t.ptr + 1, t.len - 2);
	return t;
}

/* The two branches of "?{a}:{b}"; without braces all of it is the first. */
static void branches(struct str t, struct str *ret_yes, struct str *ret_no)
{
	int depth = 0;

	*ret_yes = unbrace(t);
	*ret_no = STR_EMPTY;
	if (t.len == 0 || t.ptr[0] != '{')
		return;
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '{')
			depth++;
		else if (t.ptr[i] == '}')
			depth--;
		else if (t.ptr[i] == ':' && depth == 0) {
			*ret_yes = unbrace(str_head(t, i));
			*ret_no = unbrace(str_skip(t, i + 1));
			return;
		}
	}
}

/* The inside of ${...}. */
static void expand_body(struct macro *m, struct str body)
{
	size_t n = 0;
	struct str value, yes, no;
	bool known;
	char op;

	while (n < body.len && (is_alnum((unsigned char)body.ptr[n]) || body.ptr[n] == '_'))
		n++;
	value = value_of(m, str_head(body, n), &known);
	op = n < body.len ? body.ptr[n] : '\0';
	if (!known || (op != '\0' && op != '?' && op != ':')) {
		log_warn("unknown macro name \"" STR_FMT "\" in expansion request", STR_ARG(body));
		return;
	}
	if (op == '\0') {
		put_value(m, value);
		return;
	}
	branches(str_skip(body, n + 1), &yes, &no);
	if (op == '?')
		expand(m, value.len > 0 ? yes : no);
	else if (value.len == 0)
		expand(m, unbrace(str_skip(body, n + 1)));
}

/* Length of a bracketed body from its opening bracket on, both included; 0 not closed. */
static size_t bracketed(struct str t)
{
	char open = t.ptr[0], close = open == '{' ? '}' : ')';
	int depth = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == open)
			depth++;
		else if (t.ptr[i] == close && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* After a '$': bytes used. */
static size_t one(struct macro *m, struct str rest)
{
	size_t n = 0;

	if (rest.len > 0 && rest.ptr[0] == '$') {
		(void)put_value(m, STR("$"));
		return 1;
	}
	if (rest.len > 0 && (rest.ptr[0] == '{' || rest.ptr[0] == '(')) {
		n = bracketed(rest);
		if (n >= 2)
			expand_body(m, str_from(rest.ptr + 1, n - 2));
		else
			log_warn("truncated macro reference: \"" STR_FMT "\"", STR_ARG(rest));
		return n == 0 ? rest.len : n;
	}
	while (n < rest.len && (is_alnum((unsigned char)rest.ptr[n]) || rest.ptr[n] == '_'))
		n++;
	expand_body(m, str_head(rest, n));
	return n;
}

static void expand(struct macro *m, struct str text)
{
	if (++m->depth > MAX_DEPTH) {
		m->depth--;
		return;
	}
	while (text.len > 0) {
		ptrdiff_t dollar = str_chr(text, '$');

		if (buf_add(m->out, dollar < 0 ? text : str_head(text, (size_t)dollar)) < 0 ||
			dollar < 0)
			break;
		text = str_skip(text, (size_t)dollar + 1);
		text = str_skip(text, one(m, text));
	}
	m->depth--;
}

void macro_expand(const struct session *s, struct str text, struct buf *ret)
{
	struct macro m = { .s = s, .filter = s->c->smtpd_expansion_filter, .out = ret };

	expand(&m, text);
}
