/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_ehlo.c — see client_ehlo.h.
 */
#include "smtp/client_ehlo.h"

#include <errno.h>

#include "base/num.h"
#include "smtp/client_command.h"

static const struct {
	const char *name;
	unsigned bit;
} keywords[] = {
	{ "8BITMIME", SMTP_F_8BITMIME },
	{ "PIPELINING", SMTP_F_PIPELINING },
	{ "SIZE", SMTP_F_SIZE },
	{ "STARTTLS", SMTP_F_STARTTLS },
	{ "AUTH", SMTP_F_AUTH },
	{ "XFORWARD", SMTP_F_XFORWARD },
	{ "DSN", SMTP_F_DSN },
	{ "SMTPUTF8", SMTP_F_SMTPUTF8 },
	{ "REQUIRETLS", SMTP_F_REQUIRETLS },
	{ "ENHANCEDSTATUSCODES", SMTP_F_ENHANCED },
	{ "CHUNKING", SMTP_F_CHUNKING },
	{ "SILENT-DISCARD", SMTP_F_SILENT_DISCARD },
	/* Server-side keywords that shared lists may hold; nothing to ignore here. */
	{ "VERIFY", 0 },
	{ "VRFY", 0 },
	{ "ETRN", 0 },
	{ "XCLIENT", 0 },
};

static const struct {
	const char *name;
	unsigned bit;
} forwards[] = {
	{ "NAME", SMTP_XF_NAME },
	{ "ADDR", SMTP_XF_ADDR },
	{ "PORT", SMTP_XF_PORT },
	{ "PROTO", SMTP_XF_PROTO },
	{ "HELO", SMTP_XF_HELO },
	{ "IDENT", SMTP_XF_IDENT },
	{ "SOURCE", SMTP_XF_SOURCE },
};

static bool find_keyword(struct str word, unsigned *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (str_ieq(word, str_of(keywords[i].name))) {
			*ret = keywords[i].bit;
			return true;
		}
	}
	return false;
}

unsigned smtp_keyword_mask(struct str list, struct str *ret_bad)
{
	struct str word, bad = STR_EMPTY;
	unsigned mask = 0, bit;

	while (str_word(&list, ", \t\r\n", &word)) {
		if (find_keyword(word, &bit))
			mask |= bit;
		else if (bad.len == 0)
			bad = word;
	}
	*ret_bad = bad;
	return mask;
}

void smtp_keyword_names(struct buf *b, unsigned mask)
{
	const char *sep = "";

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (keywords[i].bit == 0 || (mask & keywords[i].bit) == 0)
			continue;
		buf_putf(b, "%s%s", sep, keywords[i].name);
		sep = " ";
	}
}

static void parse_xforward(struct str rest, struct smtp_features *f)
{
	struct str word;

	while (str_word(&rest, " \t", &word))
		for (size_t i = 0; i < ARRAY_LEN(forwards); i++)
			if (str_ieq(word, str_of(forwards[i].name)))
				f->xforward |= forwards[i].bit;
}

static void parse_line(struct str line, unsigned discard, struct smtp_features *f)
{
	struct str rest = line, word, arg;
	uint64_t size;
	unsigned bit;

	if (!str_word(&rest, " \t", &word))
		return;
	/* "AUTH=LOGIN ..." is an old way to say "AUTH LOGIN ...". */
	if (str_istarts(word, STR("AUTH="))) {
		rest = str_skip(line, 5);
		word = STR("AUTH");
	}
	if (!find_keyword(word, &bit) || bit == 0 || bit == SMTP_F_SILENT_DISCARD)
		return;
	if (discard & bit) {
		f->discarded |= bit;
		return;
	}
	f->have |= bit;
	if (bit == SMTP_F_SIZE && str_word(&rest, " \t", &arg)) {
		int e = num_u64(arg, INT64_MAX, &size);

		/* What is too large for us is no limit. */
		if (e == 0)
			f->size_limit = (int64_t)size;
		else if (e != -ERANGE)
			f->bad_size = arg;
	} else if (bit == SMTP_F_AUTH && f->auth.len == 0)
		f->auth = str_trim(rest);
	else if (bit == SMTP_F_XFORWARD)
		parse_xforward(rest, f);
}

static bool has_code(struct str line)
{
	return line.len >= 3 && is_digit((unsigned char)line.ptr[0]) &&
	       is_digit((unsigned char)line.ptr[1]) && is_digit((unsigned char)line.ptr[2]);
}

/* The next line of a reply, without its code; garbage is left out. */
static bool next_line(struct str *rest, struct str *ret)
{
	while (rest->len > 0) {
		ptrdiff_t nl = str_chr(*rest, '\n');
		struct str line = nl < 0 ? *rest : str_head(*rest, (size_t)nl);

		*rest = nl < 0 ? STR_EMPTY : str_skip(*rest, (size_t)nl + 1);
		if (!has_code(line))
			continue;
		*ret = str_skip(line, 4);
		return true;
	}
	return false;
}

void smtp_features_parse(struct str reply, unsigned discard, struct smtp_features *ret)
{
	struct smtp_features f = { 0 };
	struct str line, word;

	f.auth = f.name = f.bad_size = STR_EMPTY;
	if (next_line(&reply, &line) && str_word(&line, " \t", &word))
		f.name = word;
	while (next_line(&reply, &line))
		parse_line(line, discard, &f);
	if ((f.have & SMTP_F_SMTPUTF8) && !(f.have & SMTP_F_8BITMIME)) {
		f.implied_8bitmime = true;
		f.have |= SMTP_F_8BITMIME;
	}
	f.have |= SMTP_F_ESMTP;
	*ret = f;
}

void smtp_greeting_parse(struct str reply, struct smtp_greeting *ret)
{
	struct smtp_greeting g = { .name = STR_EMPTY };
	struct str line, word;
	bool first = true;

	g.pix = reply.len > 0;
	while (next_line(&reply, &line)) {
		for (size_t i = 0; i < line.len; i++)
			if (line.ptr[i] != '2' && line.ptr[i] != '0' && line.ptr[i] != '*' &&
				line.ptr[i] != ' ')
				g.pix = false;
		while (str_word(&line, " \t", &word)) {
			if (first)
				g.name = word;
			first = false;
			if (str_ieq(word, STR("ESMTP")))
				g.esmtp = true;
		}
	}
	*ret = g;
}
