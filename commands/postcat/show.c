/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postcat/show.c — records in readable form. What is printed is what Postfix's postcat prints.
 */
#include "show.h"

#include <errno.h>

#include "base/num.h"
#include "log/log.h"

enum section {
	IN_ENVELOPE,
	IN_HEADER,
	IN_BODY,
	IN_EXTRACTED,
	AT_END,
};

struct show {
	const struct show_options *o;
	struct queue_reader r;
	const char *name;
	FILE *out;
	enum section in;
	bool mid_line;       /* the text record before was an unterminated one */
	int64_t data_offset; /* of the content; 0: not known */
	int64_t data_size;
	bool bad_pointer;
	int64_t at; /* offset to show: where the search for the record began */
};

static void prefix(const struct show *s, int type)
{
	if (s->o->offset)
		(void)fprintf(s->out, "%9lld ", (long long)s->at);
	if (s->o->type)
		(void)fprintf(s->out, "%3d ", type);
}

static void put(const struct show *s, struct str data)
{
	(void)fwrite(data.ptr, 1, data.len, s->out);
}

static void put_section(const struct show *s, int type, const char *title)
{
	if (!s->o->envelope)
		return;
	prefix(s, type);
	(void)fprintf(s->out, "*** %s %s ***\n", title, s->name);
}

/* Seconds since 1970 at the start of `data`; what is no number counts as 0. */
static void put_time(const struct show *s, int type, const char *label, struct str data)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct str word;
	int64_t when = 0;

	if (!str_word(&data, " ", &word) || num_i64(word, INT32_MIN, INT64_MAX / 4, &when) < 0)
		when = 0;
	clock_ctime(&b, (time_t)when);
	prefix(s, type);
	(void)fprintf(s->out, "%s: %s\n", label, buf_cstr(&b));
}

static void put_named(const struct show *s, int type, const char *label, struct str data)
{
	prefix(s, type);
	(void)fprintf(s->out, "%s: ", label);
	put(s, data);
	(void)fputc('\n', s->out);
}

static void put_attribute(const struct show *s, struct str data)
{
	struct str name;
	struct str value;

	if (rec_attr_split(data, &name, &value) < 0) {
		prefix(s, REC_ATTR);
		log_warn("%s: malformed attribute: missing '=' after attribute name: " STR_FMT,
			s->name, STR_ARG(data));
	} else if (str_eq(name, STR("create_time"))) {
		put_time(s, REC_ATTR, "create_time", value);
	} else {
		put_named(s, REC_ATTR, "named_attribute", data);
	}
}

/* A record of the envelope or the extracted segment. */
static void put_record(const struct show *s, int type, struct str data)
{
	const char *label = rec_type_name(type);

	if (!s->o->envelope)
		return;
	if (type == REC_TIME || type == REC_WARN)
		put_time(s, type, label, data);
	else if (type == REC_ATTR)
		put_attribute(s, data);
	else
		put_named(s, type, label == NULL ? "unknown_record_type" : label, data);
}

/* "Name:", with blanks before the colon, as lenient readers of mail take it. */
static bool is_header(struct str line)
{
	size_t n = 0;

	while (n < line.len && line.ptr[n] != ':' && !is_space((unsigned char)line.ptr[n]) &&
		is_print((unsigned char)line.ptr[n]))
		n++;
	if (n == 0)
		return false;
	while (n < line.len && (line.ptr[n] == ' ' || line.ptr[n] == '\t'))
		n++;
	return n < line.len && line.ptr[n] == ':';
}

/* To the end of the content, when it is known and nothing of it is wanted. */
static void skip_content(struct show *s)
{
	if (s->data_offset > 0 && !s->o->raw)
		queue_reader_seek(&s->r, s->data_offset + s->data_size);
}

/* The first line that is neither a header nor the continuation of one begins the body. */
static void follow_text(struct show *s, struct str line)
{
	if (s->in != IN_HEADER || s->mid_line)
		return;
	if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
		return;
	if (is_header(line))
		return;
	s->in = IN_BODY;
	if (!s->o->body)
		skip_content(s);
}

static void put_text(struct show *s, int type, struct str data)
{
	bool separate = s->o->offset || s->o->verbose;

	follow_text(s, data);
	s->mid_line = type == REC_CONT;
	if (s->in == IN_HEADER ? !s->o->header : !s->o->body)
		return;
	prefix(s, type);
	if (s->o->verbose)
		(void)fputs(type == REC_CONT ? "unterminated_text: " : "regular_text: ", s->out);
	put(s, data);
	if (type == REC_NORM || separate)
		(void)fputc('\n', s->out);
}

/* True when nothing more is wanted from here on. */
static bool is_done(const struct show *s)
{
	if (s->o->envelope)
		return false;
	if (s->in == IN_BODY)
		return !s->o->body;
	return s->in == IN_EXTRACTED;
}

static void begin_content(struct show *s)
{
	put_section(s, REC_MESG, "MESSAGE CONTENTS");
	s->in = IN_HEADER;
	if (!s->o->header && !s->o->body)
		skip_content(s);
}

static void on_size(struct show *s, struct str data)
{
	struct rec_size size;

	put_record(s, REC_SIZE, data);
	if (s->data_offset != 0 || rec_parse_size(data, &size) != 0)
		return;
	s->data_offset = size.data_offset;
	s->data_size = size.size;
	if (!s->o->envelope && !s->o->raw && s->in == IN_ENVELOPE) {
		queue_reader_seek(&s->r, size.data_offset);
		s->in = IN_HEADER;
	}
}

/* Records that are not meant for readers: 0, 1 when it was not one of them, or -EBADMSG. */
static int on_structure(struct show *s, int type, struct str data)
{
	if (type != REC_PTR && type != REC_DTXT)
		return 1;
	if (s->o->verbose && (s->o->envelope || s->in == IN_HEADER || s->in == IN_BODY))
		put_named(s, type, rec_type_name(type), data);
	if (type != REC_PTR || s->o->raw || queue_reader_follow(&s->r, data) == 0)
		return 0;
	s->bad_pointer = true;
	return -EBADMSG;
}

static void on_record(struct show *s, int type, struct str data)
{
	switch (type) {
	case REC_SIZE:
		on_size(s, data);
		break;
	case REC_MESG:
		begin_content(s);
		break;
	case REC_XTRA:
		s->in = IN_EXTRACTED;
		put_section(s, type, "HEADER EXTRACTED");
		break;
	case REC_END:
		put_section(s, type, "MESSAGE FILE END");
		s->in = s->o->raw ? IN_ENVELOPE : AT_END;
		break;
	case REC_NORM:
	case REC_CONT:
		if (s->in == IN_HEADER || s->in == IN_BODY) {
			put_text(s, type, data);
			break;
		}
		_fallthrough_;
	default:
		put_record(s, type, data);
		break;
	}
}

static int run(struct show *s)
{
	int r = 1;

	while (s->in != AT_END && !is_done(s)) {
		struct str data;
		int type;

		/* Pointers and padding that are not shown count as part of what follows them. */
		if (r == 1 || s->o->verbose)
			s->at = s->r.offset;
		type = queue_reader_next(&s->r, &data);
		if (type <= 0)
			return type;
		r = on_structure(s, type, data);
		if (r < 0)
			return r;
		if (r == 1)
			on_record(s, type, data);
	}
	return 0;
}

/* True when the file begins as a queue file (size record) or a maildrop file (time) does. */
static bool looks_right(struct show *s)
{
	struct str data;
	int type = queue_reader_next(&s->r, &data);

	queue_reader_seek(&s->r, s->o->start);
	return type == REC_SIZE || type == REC_TIME;
}

int show_file(const struct show_options *o, struct queue_message *m, const char *name, FILE *out,
	struct why *why)
{
	struct show s = { .o = o, .name = name, .out = out };
	int r = 0;

	queue_reader_init(&s.r, m, o->start, true);
	if (o->start == 0 && queue_message_size(m) == 0) {
		queue_reader_done(&s.r);
		return 0;
	}
	if (!o->skip && !looks_right(&s)) {
		log_warn("%s: input is not a valid queue file", name);
	} else {
		if (o->envelope && !o->skip)
			(void)fprintf(out, "*** ENVELOPE RECORDS %s ***\n", name);
		r = run(&s);
	}
	if (r == -EBADMSG)
		log_warn("%s: %s", name, s.r.error);
	if (r < 0)
		(void)why_set(why, r,
			r == -EBADMSG && s.bad_pointer && o->verbose
				? "bad pointer record, or input is not seekable"
				: "record read error");
	queue_reader_done(&s.r);
	return r;
}
