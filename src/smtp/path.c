/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/path.c — the address in MAIL FROM and RCPT TO.
 *
 * One pass over the bytes. What is collected is the internal form; `word` says that the last thing
 * collected was a word, so that a second word without an operator between them is seen as an error
 * ("a b@c") instead of being glued together.
 */
#include "smtp/command.h"

#include <errno.h>

#include "base/text.h"

struct path {
	struct str in;
	size_t pos;
	char *out;     /* room for in.len bytes: the internal form is never longer */
	size_t len;    /* of the address being collected */
	bool word;     /* it ends in a word */
	bool glued;    /* two words without an operator */
	bool comments; /* some were seen */
	char *found;   /* the address, once there is one */
	size_t found_len;
};

static void restart(struct path *p)
{
	p->len = 0;
	p->word = p->glued = false;
}

/* The collected text is complete. */
static int finish(struct path *p)
{
	if (p->glued || (p->len > 0 && p->out[p->len - 1] == '@'))
		return -EBADMSG;
	if (p->len > 0) {
		if (p->found_len > 0)
			return -EBADMSG;
		p->found = p->out;
		p->found_len = p->len;
		p->out += p->len;
	}
	restart(p);
	return 0;
}

static int comment(struct path *p)
{
	size_t depth = 0;

	p->comments = true;
	for (; p->pos < p->in.len; p->pos++) {
		char c = p->in.ptr[p->pos];

		if (c == '\\') {
			p->pos++;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && --depth == 0) {
			p->pos++;
			return 0;
		}
	}
	return -EBADMSG;
}

static void begin_word(struct path *p)
{
	if (p->word)
		p->glued = true;
	p->word = true;
}

static int quoted(struct path *p)
{
	begin_word(p);
	for (p->pos++; p->pos < p->in.len; p->pos++) {
		char c = p->in.ptr[p->pos];

		if (c == '"') {
			p->pos++;
			return 0;
		}
		if (c == '\\' && ++p->pos == p->in.len)
			break;
		p->out[p->len++] = p->in.ptr[p->pos];
	}
	return -EBADMSG;
}

static int literal(struct path *p)
{
	begin_word(p);
	for (; p->pos < p->in.len; p->pos++) {
		char c = p->in.ptr[p->pos];

		if (c == '\\' && ++p->pos == p->in.len)
			break;
		p->out[p->len++] = p->in.ptr[p->pos];
		if (c == ']') {
			p->pos++;
			return 0;
		}
	}
	return -EBADMSG;
}

static bool is_special(char c)
{
	return c == '\0' || strchr("()<>@,;:\".[]", c) != NULL;
}

static void atom(struct path *p)
{
	begin_word(p);
	while (p->pos < p->in.len) {
		char c = p->in.ptr[p->pos];

		if (is_special(c) || is_space((unsigned char)c))
			return;
		if (c == '\\' && ++p->pos == p->in.len)
			return;
		p->out[p->len++] = p->in.ptr[p->pos++];
	}
}

/* White space, comments, words, '.' and '@': 1 when consumed, 0 when it is something else. */
static int common(struct path *p)
{
	char c = p->in.ptr[p->pos];

	if (is_space((unsigned char)c)) {
		p->pos++;
		return 1;
	}
	if (c == '(')
		return comment(p) < 0 ? -EBADMSG : 1;
	if (c == '"')
		return quoted(p) < 0 ? -EBADMSG : 1;
	if (c == '[')
		return literal(p) < 0 ? -EBADMSG : 1;
	if (c == '.' || c == '@') {
		p->out[p->len++] = c;
		p->pos++;
		p->word = false;
		return 1;
	}
	if (is_special(c))
		return 0;
	atom(p);
	return 1;
}

/* "@a,@b:" at the start of a bracket is skipped. */
static void skip_route(struct path *p)
{
	size_t i = p->pos;

	while (i < p->in.len && is_space((unsigned char)p->in.ptr[i]))
		i++;
	if (i == p->in.len || p->in.ptr[i] != '@')
		return;
	for (; i < p->in.len && p->in.ptr[i] != '>' && p->in.ptr[i] != '"'; i++)
		if (p->in.ptr[i] == ':') {
			p->pos = i + 1;
			return;
		}
}

/* After '<'. */
static int angle(struct path *p)
{
	size_t depth = 1;

	restart(p);
	skip_route(p);
	while (p->pos < p->in.len) {
		int r = common(p);
		char c;

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		c = p->in.ptr[p->pos++];
		if (c == '<' && p->len == 0 && !p->word) {
			depth++;
			skip_route(p);
		} else if (c == '>') {
			if (--depth == 0)
				return finish(p);
		} else if (c == ':') {
			p->out[p->len++] = c;
			p->word = false;
		} else {
			return -EBADMSG;
		}
	}
	return -EBADMSG;
}

static int parse(struct path *p)
{
	while (p->pos < p->in.len) {
		int r = common(p);

		if (r == 0) {
			char c = p->in.ptr[p->pos++];

			if (c == '<') {
				r = angle(p);
			} else if (c == ',' || c == ';') {
				r = finish(p);
			} else if (c ==
				   ':') { /* the name of a group, or a route without brackets */
				restart(p);
			} else if (c != '>') {
				r = -EBADMSG;
			}
		}
		if (r < 0)
			return r;
	}
	return finish(p);
}

static int parse_strict(struct path *p)
{
	int r;

	if (p->in.len < 2 || p->in.ptr[0] != '<' || str_starts(p->in, STR("<<")))
		return -EBADMSG;
	p->pos = 1;
	r = angle(p);
	if (r == 0 && (p->pos != p->in.len || p->comments))
		r = -EBADMSG;
	return r;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

int smtp_path_parse(struct str arg, unsigned flags, struct arena *a, struct str *ret)
{
	struct path p = { .in = arg };
	int r;

	if (arg.len > SMTP_PATH_MAX)
		return -EMSGSIZE;
	if (has_control(arg))
		return -EILSEQ;
	if ((flags & SMTP_PATH_SMTPUTF8) && str_has_8bit(arg) && !utf8_is_valid(arg))
		return -EILSEQ;
	p.out = arena_alloc(a, arg.len + 1);
	r = flags & SMTP_PATH_STRICT ? parse_strict(&p) : parse(&p);
	if (r < 0)
		return r;
	if (p.found_len == 0 && !(flags & SMTP_PATH_ALLOW_EMPTY))
		return -EBADMSG;
	*ret = p.found_len == 0 ? STR_EMPTY : arena_str(a, str_from(p.found, p.found_len));
	return 0;
}
