/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/content.c — tokens of MIME header fields and what we take from them.
 */
#include "mime/content.h"

#include "base/cursor.h"

/* A value that is longer than any header is cut by the buffer's limit. */
#define VALUE_MAX ((size_t)64 * 1024)

static bool is_token(unsigned char c)
{
	return is_print(c) && c != ' ' && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* White space and comments, which nest. An open comment ends with the text. */
static void skip_cfws(struct cursor *c)
{
	unsigned depth = 0;

	while (!cur_at_end(c)) {
		char ch = *c->p;

		if (ch == '(')
			depth++;
		else if (depth > 0 && ch == ')')
			depth--;
		else if (depth > 0 && ch == '\\' && c->p + 1 < c->end)
			c->p++;
		else if (depth == 0 && !is_space((unsigned char)ch))
			return;
		c->p++;
	}
}

static bool get_token(struct cursor *c, struct str *ret)
{
	const char *start;

	skip_cfws(c);
	start = c->p;
	while (c->p < c->end && is_token((unsigned char)*c->p))
		c->p++;
	*ret = str_from(start, (size_t)(c->p - start));
	return ret->len > 0;
}

static bool get_special(struct cursor *c, char ch)
{
	skip_cfws(c);
	return cur_char(c, ch);
}

/* The inside of a quoted string without its backslashes; an open one ends with the text. */
static void get_quoted(struct cursor *c, struct buf *ret)
{
	while (!cur_at_end(c) && *c->p != '"') {
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
		if (*c->p != '\n' && buf_addc(ret, *c->p) < 0)
			return;
		c->p++;
	}
	(void)cur_char(c, '"');
}

/* The next ';' outside quotes and comments. */
static bool next_param(struct cursor *c)
{
	_cleanup_buf_ struct buf dummy = BUF_LOCAL(VALUE_MAX);

	for (;;) {
		skip_cfws(c);
		if (cur_at_end(c))
			return false;
		if (cur_char(c, ';'))
			return true;
		if (cur_char(c, '"')) {
			buf_clear(&dummy);
			get_quoted(c, &dummy);
		} else {
			c->p++;
		}
	}
}

static void get_boundaries(struct cursor *c, mime_boundary_fn boundary, void *ctx)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(VALUE_MAX);

	while (next_param(c)) {
		struct str name;
		struct str word;

		if (!get_token(c, &name) || !str_ieq(name, STR("boundary")) || !get_special(c, '='))
			continue;
		buf_clear(&value);
		if (get_special(c, '"'))
			get_quoted(c, &value);
		else if (get_token(c, &word))
			buf_put(&value, str_head(word, VALUE_MAX));
		if (value.len > 0)
			boundary(ctx, buf_str(&value));
	}
}

static enum mime_subtype message_subtype(struct str name)
{
	static const struct {
		const char *name;
		enum mime_subtype sub;
	} subs[] = {
		{ "rfc822", MIME_SUB_RFC822 },
		{ "global", MIME_SUB_GLOBAL },
		{ "partial", MIME_SUB_PARTIAL },
		{ "external-body", MIME_SUB_EXTERNAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(subs); i++)
		if (str_ieq(name, str_of(subs[i].name)))
			return subs[i].sub;
	return MIME_SUB_OTHER;
}

struct mime_content_type mime_content_type_parse(struct str body, mime_boundary_fn boundary,
	void *ctx)
{
	struct mime_content_type ct = { MIME_TYPE_OTHER, MIME_SUB_OTHER };
	struct cursor c = cur_of(body);
	struct str type;
	struct str sub = STR_EMPTY;

	if (!get_token(&c, &type))
		return ct;
	if (get_special(&c, '/'))
		(void)get_token(&c, &sub);
	if (str_ieq(type, STR("message"))) {
		ct.type = MIME_TYPE_MESSAGE;
		ct.subtype = message_subtype(sub);
	} else if (str_ieq(type, STR("multipart"))) {
		ct.type = MIME_TYPE_MULTIPART;
		if (str_ieq(sub, STR("digest")))
			ct.subtype = MIME_SUB_DIGEST;
		get_boundaries(&c, boundary, ctx);
	}
	return ct;
}

/* Indexed by enum mime_encoding. */
static const char *const the_encodings[] = {
	"7bit",
	"8bit",
	"binary",
	"quoted-printable",
	"base64",
	"unknown",
};

enum mime_encoding mime_encoding_parse(struct str body)
{
	struct cursor c = cur_of(body);
	struct str word;

	if (!get_token(&c, &word))
		return MIME_ENC_UNKNOWN;
	for (size_t i = 0; i < MIME_ENC_UNKNOWN; i++)
		if (str_ieq(word, str_of(the_encodings[i])))
			return (enum mime_encoding)i;
	return MIME_ENC_UNKNOWN;
}

const char *mime_encoding_name(enum mime_encoding e)
{
	return the_encodings[e];
}
