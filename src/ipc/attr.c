/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/attr.c — the three encodings of attribute lists; see attr.h.
 *
 * The braces of a table ("{" ... "}") are entries with an empty value.
 */
#include "ipc/attr.h"

#include <errno.h>

#include "base/encode.h"
#include "base/num.h"

/* A byte that the encoding cannot carry in a value. */
static bool has_bad_byte(enum attr_enc enc, struct str value)
{
	if (enc == ATTR_NUL)
		return str_chr(value, '\0') >= 0;
	return enc == ATTR_PLAIN && (str_chr(value, '\n') >= 0 || str_chr(value, '\0') >= 0);
}

static int put_base64_pair(struct buf *b, const char *name, struct str value)
{
	int r = base64_encode(b, str_of(name));

	if (r == 0)
		r = buf_addc(b, ':');
	if (r == 0)
		r = base64_encode(b, value);
	return r < 0 ? r : buf_addc(b, '\n');
}

static int put_pair(struct buf *b, enum attr_enc enc, const char *name, struct str value)
{
	size_t name_len = strlen(name);
	char *p;
	int r;

	if (enc == ATTR_BASE64)
		return put_base64_pair(b, name, value);
	r = buf_reserve(b, name_len + value.len + 2);
	if (r < 0)
		return r;
	p = mempcpy(b->ptr + b->len, name, name_len);
	*p++ = enc == ATTR_NUL ? '\0' : '=';
	if (value.len > 0)
		p = mempcpy(p, value.ptr, value.len);
	*p++ = enc == ATTR_NUL ? '\0' : '\n';
	*p = '\0';
	b->len = (size_t)(p - b->ptr);
	return 0;
}

int attr_put_str(struct buf *b, enum attr_enc enc, const char *name, struct str value)
{
	size_t old = b->len;
	int r;

	if (has_bad_byte(enc, value))
		return -EINVAL;
	r = put_pair(b, enc, name, value);
	if (r < 0)
		buf_truncate(b, old);
	return r;
}

/* A number as its unsigned decimal text. */
static int put_number(struct buf *b, enum attr_enc enc, const char *name, uint64_t value)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);

	buf_putf(&text, "%llu", (unsigned long long)value);
	return attr_put_str(b, enc, name, buf_str(&text));
}

int attr_put_int(struct buf *b, enum attr_enc enc, const char *name, int value)
{
	return put_number(b, enc, name, (uint32_t)value);
}

int attr_put_long(struct buf *b, enum attr_enc enc, const char *name, int64_t value)
{
	return put_number(b, enc, name, (uint64_t)value);
}

int attr_put_data(struct buf *b, enum attr_enc enc, const char *name, struct str value)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(b->limit);
	int r;

	if (enc == ATTR_BASE64)
		return attr_put_str(b, enc, name, value);
	r = base64_encode(&text, value);
	return r < 0 ? r : attr_put_str(b, enc, name, buf_str(&text));
}

int attr_put_end(struct buf *b, enum attr_enc enc)
{
	return buf_addc(b, enc == ATTR_NUL ? '\0' : '\n');
}

int attr_put_greeting(struct buf *b, enum attr_enc enc, const char *protocol)
{
	size_t old = b->len;
	int r = attr_put_str(b, enc, "protocol", str_of(protocol));

	if (r == 0)
		r = attr_put_end(b, enc);
	if (r < 0)
		buf_truncate(b, old);
	return r;
}

/* State of the reading of one list. */
struct reader {
	struct stream *s;
	enum attr_enc enc;
	struct buf item; /* its limit is what is left of the list's */
	struct arena *a;
	struct attr_list *list;
	size_t cap;
};

/* Read one item up to `end` into r->item; counts it against the limit of the list. */
static int next_item(struct reader *r, char end, bool first)
{
	size_t last = r->item.len;
	int e;

	buf_clear(&r->item);
	if (!first) {
		if (r->item.limit < last + 1)
			return -EMSGSIZE;
		r->item.limit -= last + 1;
	}
	e = stream_until(r->s, end, &r->item);
	if (e == -EPIPE || (e == -ENODATA && !first))
		return -EBADMSG;
	return e;
}

static bool is_brace(struct str name)
{
	return str_eq(name, STR("{")) || str_eq(name, STR("}"));
}

/* Most attributes of a list that is taken at once. */
#define QUICK_MAX 40

/* The next text of `in` that a NUL ends; false when that is not there. */
static bool cut_nul(struct str *in, struct str *ret)
{
	ptrdiff_t at = str_chr(*in, '\0');

	if (at < 0)
		return false;
	*ret = str_head(*in, (size_t)at);
	*in = str_skip(*in, (size_t)at + 1);
	return true;
}

/*
 * A short list that lies in the stream's buffer as a whole goes to the arena at once: 1; 0 nothing was taken,
 * negative errno.
 */
static int read_quickly(struct reader *r)
{
	struct attr found[QUICK_MAX];
	struct str have, rest;
	struct attr *v;
	size_t n = 0, len;
	char *p;

	if (stream_fill(r->s) < 0)
		return 0; /* and again for who reads on */
	have = rest = stream_buffered(r->s);
	for (;; n++) {
		struct str name, value = STR_EMPTY;

		if (!cut_nul(&rest, &name))
			return 0;
		if (name.len == 0)
			break;
		if (n == ARRAY_LEN(found) || (!is_brace(name) && !cut_nul(&rest, &value)))
			return 0;
		found[n] = (struct attr){ name, value };
	}
	len = have.len - rest.len;
	if (len > r->item.limit)
		return 0;
	v = arena_try(r->a, MAX(n, (size_t)1) * sizeof *v);
	p = arena_try(r->a, len);
	if (v == NULL || p == NULL)
		return -EMSGSIZE;
	memcpy(p, have.ptr, len);
	for (size_t i = 0; i < n; i++) {
		v[i] = found[i];
		v[i].name.ptr = p + (found[i].name.ptr - have.ptr);
		if (found[i].value.len > 0)
			v[i].value.ptr = p + (found[i].value.ptr - have.ptr);
	}
	stream_skip(r->s, len);
	r->list->v = v;
	r->list->n = n;
	return 1;
}

/* Append an entry; the array grows in the arena by doubling. */
static int add_entry(struct reader *r, struct str name, struct str value)
{
	struct attr_list *l = r->list;

	if (l->n == ATTR_MAX)
		return -EMSGSIZE;
	if (l->n == r->cap) {
		size_t cap = r->cap == 0 ? 16 : r->cap * 2;
		struct attr *v = arena_try(r->a, cap * sizeof *v);

		if (v == NULL)
			return -EMSGSIZE;
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		r->cap = cap;
	}
	l->v[l->n++] = (struct attr){ name, value };
	return 0;
}

/* A copy in the arena, with NUL; -EMSGSIZE when the arena is full. */
static int keep(struct reader *r, struct str text, struct str *ret)
{
	char *p = arena_try(r->a, text.len + 1);

	if (p == NULL)
		return -EMSGSIZE;
	if (text.len > 0)
		memcpy(p, text.ptr, text.len);
	*ret = str_from(p, text.len);
	return 0;
}

static int read_nul_list(struct reader *r)
{
	bool first = true;
	int quick = read_quickly(r);

	if (quick != 0)
		return quick < 0 ? quick : 0;
	for (;;) {
		struct str name;
		struct str value = STR_EMPTY;
		int e = next_item(r, '\0', first);

		if (e < 0 || r->item.len == 0)
			return e;
		first = false;
		e = keep(r, buf_str(&r->item), &name);
		if (e == 0 && !is_brace(name)) {
			e = next_item(r, '\0', false);
			if (e == 0)
				e = keep(r, buf_str(&r->item), &value);
		}
		if (e == 0)
			e = add_entry(r, name, value);
		if (e < 0)
			return e;
	}
}

/* The text that one base64 word stands for, in the arena. */
static int decode_word(struct reader *r, struct str word, struct str *ret)
{
	_cleanup_buf_ struct buf plain = BUF_LOCAL(BUF_MEDIUM);
	int e = base64_decode(&plain, word);

	if (e < 0)
		return e == -EINVAL ? -EBADMSG : e;
	return keep(r, buf_str(&plain), ret);
}

/* One line "name=value" or "b64:b64"; a table's brace stands alone. */
static int parse_line(struct reader *r, struct str line)
{
	ptrdiff_t at = str_chr(line, r->enc == ATTR_PLAIN ? '=' : ':');
	struct str name = at < 0 ? line : str_head(line, (size_t)at);
	struct str value = at < 0 ? STR_EMPTY : str_skip(line, (size_t)at + 1);
	int e;

	if (at < 0 && str_ends(name, str_from("", 1)))
		name.len--;
	if (r->enc == ATTR_PLAIN) {
		e = keep(r, name, &name);
		if (e == 0)
			e = keep(r, value, &value);
	} else {
		e = decode_word(r, name, &name);
		if (e == 0)
			e = decode_word(r, value, &value);
	}
	if (e < 0)
		return e;
	if (name.len == 0 || (at < 0 && !is_brace(name)))
		return -EBADMSG;
	return add_entry(r, name, value);
}

static int read_line_list(struct reader *r)
{
	bool first = true;

	for (;;) {
		int e = next_item(r, '\n', first);

		if (e < 0 || r->item.len == 0)
			return e;
		first = false;
		e = parse_line(r, buf_str(&r->item));
		if (e < 0)
			return e;
	}
}

int attr_list_read(struct stream *s, enum attr_enc enc, size_t limit, struct arena *a,
	struct attr_list *ret)
{
	struct attr_list list = { .enc = enc };
	struct reader r = { .s = s, .enc = enc, .item = BUF(limit), .a = a, .list = &list };
	int e = enc == ATTR_NUL ? read_nul_list(&r) : read_line_list(&r);

	buf_done(&r.item);
	if (e == 0)
		*ret = list;
	return e;
}

int attr_str(struct attr_list *l, const char *name, struct str *ret)
{
	struct str want = str_of(name);

	for (size_t i = l->pos; i < l->n; i++) {
		if (str_eq(l->v[i].name, want)) {
			*ret = l->v[i].value;
			l->pos = i + 1;
			return 0;
		}
	}
	return -ENOENT;
}

/* A decimal number: unsigned up to max, or with a minus sign down to min. */
static int parse_number(struct str text, int64_t min, uint64_t max, int64_t *ret)
{
	uint64_t v;

	if (str_starts(text, STR("-")))
		return num_i64(text, min, INT64_MAX, ret) < 0 ? -EBADMSG : 0;
	if (num_u64(text, max, &v) < 0)
		return -EBADMSG;
	*ret = (int64_t)v;
	return 0;
}

int attr_int(struct attr_list *l, const char *name, int *ret)
{
	struct attr_list at = *l;
	struct str text;
	int64_t v;
	int r = attr_str(&at, name, &text);

	if (r == 0)
		r = parse_number(text, INT32_MIN, UINT32_MAX, &v);
	if (r < 0)
		return r;
	*l = at;
	*ret = (int)(uint32_t)v;
	return 0;
}

int attr_long(struct attr_list *l, const char *name, int64_t *ret)
{
	struct attr_list at = *l;
	struct str text;
	int r = attr_str(&at, name, &text);

	if (r == 0)
		r = parse_number(text, INT64_MIN, UINT64_MAX, ret);
	if (r == 0)
		*l = at;
	return r;
}

int attr_data(struct attr_list *l, const char *name, struct arena *a, struct str *ret)
{
	_cleanup_buf_ struct buf plain = BUF_LOCAL(BUF_MEDIUM);
	struct attr_list at = *l;
	struct str text;
	char *p;
	int r = attr_str(&at, name, &text);

	if (r < 0)
		return r;
	if (l->enc != ATTR_BASE64) {
		if (base64_decode(&plain, text) < 0)
			return -EBADMSG;
		text = buf_str(&plain);
	}
	p = arena_try(a, text.len + 1);
	if (p == NULL)
		return -EMSGSIZE;
	if (text.len > 0)
		memcpy(p, text.ptr, text.len);
	*ret = str_from(p, text.len);
	*l = at;
	return 0;
}

int attr_expect_greeting(struct stream *s, enum attr_enc enc, const char *protocol)
{
	struct arena *a = arena_new((size_t)16 * 1024);
	struct attr_list l;
	int r = attr_list_read(s, enc, 512, a, &l);

	if (r == -EBADMSG || r == -EMSGSIZE ||
		(r == 0 && (l.n != 1 || !str_eq(l.v[0].name, STR("protocol")) ||
				   !str_eq(l.v[0].value, str_of(protocol)))))
		r = -EPROTO;
	arena_free(a);
	return r;
}
