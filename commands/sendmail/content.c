/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c — standard input as text records, and the recipients of its header for -t.
 */
#include <errno.h>

#include "mime/header.h"
#include "queue/record.h"
#include "sendmail.h"

const struct address_list *content_recipients(const struct content *c)
{
	return c->has_resent ? &c->resent : &c->found;
}

/* A header field is complete: take its recipients. */
static int end_field(struct content *c)
{
	const struct header_def *def;
	struct address_list l;
	struct str body;
	size_t n;

	if (c->header.len == 0)
		return 0;
	n = header_name(buf_str(&c->header), &body);
	def = n == 0 ? NULL : header_find(str_head(buf_str(&c->header), n));
	if (def != NULL && (def->flags & HDR_EXTRACT) != 0) {
		address_list_parse(body, (size_t)c->conf->header_address_token_limit, c->arena, &l);
		if ((def->flags & HDR_RESENT) != 0) {
			c->has_resent = true;
			list_append(&c->resent, &l, c->arena);
		} else {
			list_append(&c->found, &l, c->arena);
		}
	}
	buf_clear(&c->header);
	return 0;
}

/* Follow the header for -t; -EMSGSIZE when a field is too large to be sure of its recipients. */
static int watch_header(struct content *c, struct str line, bool continues)
{
	struct str body;
	int r;

	if (continues || (c->header.len > 0 && line.len > 0 &&
				 (line.ptr[0] == ' ' || line.ptr[0] == '\t'))) {
		r = continues ? 0 : buf_addc(&c->header, '\n');
		return r < 0 ? r : buf_add(&c->header, line);
	}
	(void)end_field(c);
	if (header_name(line, &body) == 0) {
		c->in_header = false;
		return 0;
	}
	return buf_add(&c->header, line);
}

static bool is_from_line(struct str s)
{
	while (s.len > 0 && s.ptr[0] == '>')
		s = str_skip(s, 1);
	return str_starts(s, STR("From "));
}

/* Without line end; CR goes as sendmail_fix_line_endings says. */
static struct str without_end(struct content *c, struct str line, bool whole)
{
	bool cr;

	if (!whole)
		return line;
	line.len--;
	cr = line.len > 0 && line.ptr[line.len - 1] == '\r';
	if (!c->cr_decided) {
		const char *how = c->conf->sendmail_fix_line_endings;

		c->cr_decided = true;
		c->strip_cr = str_ieq(str_of(how), STR("always")) ||
			      (str_ieq(str_of(how), STR("strict")) && cr);
	}
	if (cr && c->strip_cr)
		line.len--;
	return line;
}

static int put(struct content *c, int type, struct str text)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	int r = rec_put(&b, type, text);

	return r < 0 ? r : stream_write(c->out, buf_str(&b));
}

/* One line or piece. Returns 1 at the end of the message, 0, or negative errno. */
static int one_line(struct content *c, struct str text, bool whole, bool continues, bool *ret_write)
{
	int r;

	if (!continues && !c->opt->ignore_dots && whole && str_eq(text, STR(".")))
		return 1;
	if (!c->any_line && !continues && is_from_line(text))
		return 0;
	c->any_line = true;
	if (c->in_header && c->opt->extract) {
		r = watch_header(c, text, continues);
		if (r < 0)
			return r;
	}
	*ret_write = true;
	r = put(c, whole ? REC_NORM : REC_CONT, text);
	*ret_write = r < 0;
	return r;
}

int content_copy(struct content *c, struct stream *in, bool *ret_write)
{
	_cleanup_buf_ struct buf line = BUF((size_t)c->conf->line_length_limit + 1);
	bool continues = false;
	int r;

	*ret_write = false;
	c->in_header = true;
	c->header = BUF((size_t)c->conf->header_size_limit + (size_t)c->conf->line_length_limit);
	for (;;) {
		buf_clear(&line);
		r = stream_line(in, (size_t)c->conf->line_length_limit, &line);
		if (r < 0)
			break;
		r = one_line(c, without_end(c, buf_str(&line), r == 1), r == 1, continues,
			ret_write);
		if (r != 0)
			break;
		continues = line.len > 0 && line.ptr[line.len - 1] != '\n';
	}
	if (r == -ENODATA || r == 1)
		r = 0;
	if (r == 0 && continues) { /* the last line has no end: give it one */
		*ret_write = true;
		r = put(c, REC_NORM, STR_EMPTY);
	}
	if (r == 0 && c->in_header && c->opt->extract)
		r = end_field(c);
	buf_done(&c->header);
	return r;
}
