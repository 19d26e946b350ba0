/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime/mime.c — the state machine: primary header, header of a part, header of a nested message, body.
 *
 * Invariants: `header` holds at most header_size_limit plus one piece of input; the boundary stack
 * at most nesting_limit + 2 entries of boundary_length_limit bytes. header_end is called once.
 */
#include "mime/mime.h"

#include "base/mem.h"
#include "mime/content.h"
#include "mime/qp.h"

/* Levels above the nesting limit that are still accepted (observed behaviour of Postfix). */
#define NESTING_EXTRA 2
/* Room for boundaries at first; a stack that grew beyond it is not kept for the next message. */
#define FIRST_DEPTH ((size_t)4)
/* Bytes of a header and of a boundary that are kept for the next message. */
#define KEEP_HEADER   ((size_t)2 * 1024)
#define KEEP_BOUNDARY ((size_t)256)

struct boundary {
	struct buf text;
	bool digest; /* parts are messages unless they say otherwise */
};

struct mime {
	struct mime_settings set;
	const struct mime_callbacks *cb;
	void *ctx;

	bool in_header;
	bool primary_done;
	bool mid_line;     /* the last piece was partial */
	bool header_open;  /* `header` holds a header that may go on */
	bool line_dropped; /* the rest of this header is over the limit */
	enum mime_class cls;
	struct buf header;

	/* the current entity */
	struct mime_content_type type;
	enum mime_encoding encoding;
	bool has_encoding; /* it was declared */
	bool encode;       /* its body is being converted */
	int64_t offset;

	struct boundary *stack; /* the memory of texts above `depth` is used again */
	size_t depth;
	size_t depth_max; /* allocated */
	struct qp_encoder qp;
	unsigned errors;
	int result; /* of the callback that ended the work */
};

static int put_qp_line(void *ctx, struct str line)
{
	struct mime *m = ctx;

	return m->cb->body(m->ctx, line, false, m->offset);
}

struct mime *mime_new(const struct mime_settings *s, const struct mime_callbacks *cb, void *ctx)
{
	struct mime *m = mem_new(struct mime);

	m->cb = cb;
	m->ctx = ctx;
	m->header = BUF((size_t)1 << 40);
	qp_init(&m->qp, put_qp_line, m);
	mime_reset(m, s);
	return m;
}

static void free_stack(struct mime *m)
{
	for (size_t i = 0; i < m->depth_max; i++)
		buf_done(&m->stack[i].text);
	free(TAKE(m->stack));
	m->depth_max = 0;
}

void mime_reset(struct mime *m, const struct mime_settings *s)
{
	if (m->depth_max > FIRST_DEPTH)
		free_stack(m);
	for (size_t i = 0; i < m->depth_max; i++)
		buf_trim(&m->stack[i].text, KEEP_BOUNDARY);
	buf_trim(&m->header, KEEP_HEADER);
	buf_clear(&m->qp.out);
	*m = (struct mime){
		.set = *s,
		.cb = m->cb,
		.ctx = m->ctx,
		.in_header = true,
		.cls = MIME_PRIMARY,
		.header = m->header,
		.stack = m->stack,
		.depth_max = m->depth_max,
		.qp = m->qp,
	};
}

void mime_free(struct mime *m)
{
	if (m == NULL)
		return;
	free_stack(m);
	buf_done(&m->header);
	qp_done(&m->qp);
	free(m);
}

unsigned mime_errors(const struct mime *m)
{
	return m->errors;
}

const char *mime_error_text(enum mime_error err, const char **ret_dsn)
{
	if (ret_dsn != NULL)
		*ret_dsn = "5.6.0";
	switch (err) {
	case MIME_ERR_NESTING:
		return "MIME nesting exceeds safety limit";
	case MIME_ERR_TRUNC_HEADER:
		return "message header length exceeds safety limit";
	case MIME_ERR_8BIT_IN_HEADER:
		return "improper use of 8-bit data in message header";
	case MIME_ERR_8BIT_IN_7BIT_BODY:
		return "improper use of 8-bit data in message body";
	case MIME_ERR_ENCODING_DOMAIN:
		return "invalid message/* or multipart/* encoding domain";
	case MIME_ERR_NO_EMPTY_LINE:
		return "message header was not terminated by empty line";
	}
	return "unknown MIME error";
}

static void report(struct mime *m, enum mime_error err, unsigned option, struct str text)
{
	bool again = (m->errors & err) != 0;

	m->errors |= err;
	if (!again && (m->set.options & option) != 0)
		m->cb->error(m->ctx, err, text);
}

/* ---- entities ---- */

static void entity_begin(struct mime *m, enum mime_class cls, bool digest)
{
	m->in_header = true;
	m->cls = cls;
	m->type = (struct mime_content_type){
		digest ? MIME_TYPE_MESSAGE : MIME_TYPE_OTHER,
		digest ? MIME_SUB_RFC822 : MIME_SUB_OTHER,
	};
	m->encoding = MIME_ENC_7BIT;
	m->has_encoding = false;
	m->encode = false;
}

/* Text between and after parts. */
static void entity_none(struct mime *m)
{
	entity_begin(m, MIME_MULTI, false);
	m->in_header = false;
}

struct push {
	struct mime *m;
	struct str header;
};

static void push_boundary(void *ctx, struct str text)
{
	struct push *p = ctx;
	struct mime *m = p->m;
	struct boundary *b;

	if (m->depth == m->set.nesting_limit + NESTING_EXTRA) {
		report(m, MIME_ERR_NESTING, MIME_OPT_REPORT_NESTING, p->header);
		return;
	}
	if (m->depth == m->depth_max) {
		m->depth_max = m->depth_max * 2 + FIRST_DEPTH;
		m->stack = mem_resize(m->stack, m->depth_max, sizeof(*m->stack));
		for (size_t i = m->depth; i < m->depth_max; i++)
			m->stack[i].text = BUF(0);
	}
	b = &m->stack[m->depth++];
	buf_clear(&b->text);
	b->text.limit = m->set.boundary_length_limit;
	buf_put(&b->text, str_head(text, b->text.limit));
	b->digest = false;
}

static bool is_8bit(enum mime_encoding e)
{
	return e == MIME_ENC_8BIT || e == MIME_ENC_BINARY;
}

/* Learn from a header of the entity. True when it must not be passed on. */
static bool study_header(struct mime *m, const struct header_def *def, struct str text)
{
	struct str body = STR_EMPTY;
	struct push push = { m, text };
	size_t before = m->depth;

	if (def == NULL || (m->set.options & MIME_OPT_DISABLE) != 0)
		return false;
	(void)header_name(text, &body);
	if (def->id == HDR_CONTENT_TYPE) {
		m->type = mime_content_type_parse(body, push_boundary, &push);
		for (size_t i = before; i < m->depth; i++)
			m->stack[i].digest = m->type.subtype == MIME_SUB_DIGEST;
	} else if (def->id == HDR_CONTENT_TRANSFER_ENCODING) {
		m->encoding = mime_encoding_parse(body);
		m->has_encoding = true;
		return (m->set.options & MIME_OPT_DOWNGRADE) != 0 && is_8bit(m->encoding);
	}
	return false;
}

static int flush_header(struct mime *m)
{
	struct str text = buf_str(&m->header);
	struct str body;
	const struct header_def *def;
	int r;

	if (!m->header_open)
		return 0;
	m->header_open = false;
	def = header_find(str_head(text, header_name(text, &body)));
	if ((m->set.options & MIME_OPT_REPORT_8BIT_IN_HEADER) != 0 && str_has_8bit(text))
		report(m, MIME_ERR_8BIT_IN_HEADER, MIME_OPT_REPORT_8BIT_IN_HEADER, text);
	if (m->line_dropped || text.len > m->set.header_size_limit)
		report(m, MIME_ERR_TRUNC_HEADER, MIME_OPT_REPORT_TRUNC_HEADER, text);
	m->line_dropped = false;
	r = study_header(m, def, text) ? 0 : m->cb->header(m->ctx, m->cls, def, text);
	buf_clear(&m->header);
	return r;
}

/* multipart/ and message/ may only be 7bit, 8bit or binary; some kinds only 7bit. */
static void check_domain(struct mime *m)
{
	bool bad = false;

	if (!m->has_encoding || m->type.type == MIME_TYPE_OTHER)
		return;
	if (m->type.type == MIME_TYPE_MULTIPART || m->type.subtype == MIME_SUB_RFC822)
		bad = m->encoding != MIME_ENC_7BIT && !is_8bit(m->encoding);
	else if (m->type.subtype == MIME_SUB_PARTIAL || m->type.subtype == MIME_SUB_EXTERNAL)
		bad = m->encoding != MIME_ENC_7BIT;
	if (bad)
		report(m, MIME_ERR_ENCODING_DOMAIN, MIME_OPT_REPORT_DOMAIN,
			str_of(mime_encoding_name(m->encoding)));
}

/* The encoding that the entity gets instead of 8bit. */
static int downgrade_entity(struct mime *m)
{
	const struct header_def *def = header_by_id(HDR_CONTENT_TRANSFER_ENCODING);

	if ((m->set.options & MIME_OPT_DOWNGRADE) == 0 || !m->has_encoding || !is_8bit(m->encoding))
		return 0;
	if (m->type.type != MIME_TYPE_OTHER)
		return m->cb->header(m->ctx, m->cls, def, STR("Content-Transfer-Encoding: 7bit"));
	m->encode = true;
	return m->cb->header(m->ctx, m->cls, def,
		STR("Content-Transfer-Encoding: quoted-printable"));
}

/* A header section is over; `line` is what ended it. */
static int end_header(struct mime *m, struct str line)
{
	bool primary = m->cls == MIME_PRIMARY;
	int r = downgrade_entity(m);

	if (r != 0)
		return r;
	m->offset = 0;
	m->in_header = false;
	if (primary) {
		if (line.len > 0)
			report(m, MIME_ERR_NO_EMPTY_LINE, MIME_OPT_REPORT_NO_EMPTY_LINE, line);
		m->primary_done = true;
		r = m->cb->header_end(m->ctx);
	}
	check_domain(m);
	if (primary && r == 0 && line.len > 0) {
		r = m->cb->body(m->ctx, STR_EMPTY, false, m->offset);
		m->offset++;
	}
	return r;
}

/* ---- body ---- */

/* A boundary of this or an enclosing multipart: its index + 1, or 0. */
static size_t find_boundary(const struct mime *m, struct str line)
{
	if (m->depth == 0 || !str_starts(line, STR("--")))
		return 0;
	line = str_skip(line, 2);
	for (size_t i = m->depth; i > 0; i--)
		if (str_starts(line, buf_str(&m->stack[i - 1].text)))
			return i;
	return 0;
}

static int at_boundary(struct mime *m, size_t level, struct str line, bool partial)
{
	struct boundary *b = &m->stack[level - 1];
	bool last = str_starts(str_skip(line, 2 + b->text.len), STR("--"));
	int r;

	m->depth = level - (last ? 1 : 0);
	if (last) {
		entity_none(m);
		m->offset = 0;
	} else {
		entity_begin(m, MIME_MULTI, b->digest);
	}
	r = m->cb->body(m->ctx, line, partial, m->offset);
	m->offset += (int64_t)line.len + 1;
	return r;
}

static int body_line(struct mime *m, struct str line, bool partial)
{
	int64_t at = m->offset;

	if ((m->set.options & MIME_OPT_REPORT_8BIT_IN_7BIT) != 0 &&
		(m->encoding == MIME_ENC_7BIT || m->encoding == MIME_ENC_UNKNOWN) &&
		str_has_8bit(line))
		report(m, MIME_ERR_8BIT_IN_7BIT_BODY, MIME_OPT_REPORT_8BIT_IN_7BIT, line);
	if (m->encode) {
		int r = qp_encode(&m->qp, line, partial);

		m->offset += (int64_t)line.len + 1;
		return r;
	}
	m->offset += (int64_t)line.len + 1;
	return m->cb->body(m->ctx, line, partial, at);
}

/* ---- input ---- */

static void append_header(struct mime *m, struct str line, bool newline)
{
	if (m->header.len >= m->set.header_size_limit && m->header.len > 0) {
		m->line_dropped = true;
		return;
	}
	if (newline)
		buf_putc(&m->header, '\n');
	buf_put(&m->header, line);
}

/* "Name : x" becomes "Name: x", for all who look at headers. */
static void begin_header(struct mime *m, struct str name, struct str body)
{
	m->header_open = true;
	buf_put(&m->header, name);
	buf_putc(&m->header, ':');
	buf_put(&m->header, body);
}

/* A message that is the body of this entity: its header comes next. */
static bool nests(const struct mime *m)
{
	return m->type.type == MIME_TYPE_MESSAGE &&
	       (m->type.subtype == MIME_SUB_RFC822 || m->type.subtype == MIME_SUB_GLOBAL);
}

/* The start of a line within a header section. */
static int header_line(struct mime *m, struct str line, bool partial)
{
	struct str body = STR_EMPTY;
	bool nested;
	size_t level;
	size_t name;
	int r;

	if (m->header_open && line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
		append_header(m, line, true);
		return 0;
	}
	r = flush_header(m);
	if (r != 0)
		return r;
	name = header_name(line, &body);
	if (name > 0) {
		begin_header(m, str_head(line, name), body);
		return 0;
	}
	level = m->cls == MIME_PRIMARY ? 0 : find_boundary(m, line);
	nested = line.len == 0 && nests(m);
	r = end_header(m, line);
	if (r != 0)
		return r;
	if (level > 0)
		return at_boundary(m, level, line, partial);
	level = find_boundary(m, line);
	if (level > 0)
		return at_boundary(m, level, line, partial);
	if (nested) {
		r = m->cb->body(m->ctx, line, partial, m->offset);
		entity_begin(m, MIME_NESTED, false);
		return r;
	}
	if (m->encode && line.len == 0) {
		m->offset++;
		return m->cb->body(m->ctx, line, partial, 0);
	}
	return body_line(m, line, partial);
}

static int feed(struct mime *m, struct str line, bool partial)
{
	bool cont = m->mid_line;
	size_t level;

	m->mid_line = partial;
	if (m->in_header) {
		if (!cont)
			return header_line(m, line, partial);
		if (m->header_open)
			append_header(m, line, false);
		else /* the rest of a boundary line */
			return m->cb->body(m->ctx, line, partial, m->offset);
		return 0;
	}
	level = cont ? 0 : find_boundary(m, line);
	return level > 0 ? at_boundary(m, level, line, partial) : body_line(m, line, partial);
}

int mime_line(struct mime *m, struct str line, bool partial)
{
	if (m->result == 0)
		m->result = feed(m, line, partial);
	return m->result;
}

int mime_end(struct mime *m)
{
	int r = m->result;

	if (r == 0)
		r = flush_header(m);
	if (r == 0 && m->in_header)
		r = end_header(m, STR_EMPTY);
	if (r == 0 && m->mid_line && m->encode)
		r = qp_encode(&m->qp, STR_EMPTY, false);
	if (r == 0 && m->cb->body_end != NULL)
		r = m->cb->body_end(m->ctx);
	m->result = r;
	return r;
}
