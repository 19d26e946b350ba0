/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand.c — $name, ${name}, $(name) and $$ in the words of a command; see pipe.h.
 *
 * A word is looked at once, from left to right; values go into the result as they are. So whatever
 * an address holds, it stays within the word that the administrator wrote (threats A11).
 */
#include <errno.h>

#include "address/address.h"
#include "pipe.h"
#include "table/fold.h"

/* More text than the kernel takes (a quarter of the stack's limit), pointers included. */
#define TEXT_MAX ((size_t)8 * 1024 * 1024)

struct job {
	const struct pipe_expand *x;
	const struct delivery_request *rq;
	struct arena *a;
	struct why *why;
	char **v;
	size_t n, cap;
	size_t size; /* of all words so far */
};

typedef int (*value_fn)(const struct job *j, const struct recipient *r, struct buf *b);

/* Append s in lower case: as Unicode when it is, else ASCII letters only. */
static int put_folded(const struct job *j, struct buf *b, struct str s, bool fold)
{
	if (!fold)
		return buf_add(b, s);
	if (j->x->utf8) {
		size_t start = b->len;

		if (table_fold(b, s, true) == 0)
			return 0;
		buf_truncate(b, start);
	}
	return table_fold(b, s, false);
}

static int put_host(const struct job *j, struct buf *b, struct str s)
{
	return put_folded(j, b, s, (j->x->flags & PIPE_FOLD_HOST) != 0);
}

static int put_user(const struct job *j, struct buf *b, struct str s)
{
	return put_folded(j, b, s, (j->x->flags & PIPE_FOLD_USER) != 0);
}

static int put_quoted(const struct job *j, struct buf *b, struct str address)
{
	if ((j->x->flags & PIPE_QUOTE) == 0)
		return buf_add(b, address);
	return address_quote(b, address);
}

/* A whole address: folded, then quoted. */
static int put_address(const struct job *j, struct buf *b, struct str address)
{
	_cleanup_buf_ struct buf plain = BUF_LOCAL(TEXT_MAX);
	struct address_parts p = address_split(address);
	int e = put_user(j, &plain, p.local);

	if (e == 0 && p.has_at)
		e = buf_addc(&plain, '@');
	if (e == 0 && p.has_at)
		e = put_host(j, &plain, p.domain);
	return e < 0 ? e : put_quoted(j, b, buf_str(&plain));
}

static int put_sender(const struct job *j, const struct recipient *r, struct buf *b)
{
	(void)r;
	return put_quoted(j, b, j->rq->sender.len > 0 ? j->rq->sender : j->x->null_sender);
}

static int put_nexthop(const struct job *j, const struct recipient *r, struct buf *b)
{
	(void)r;
	return put_host(j, b, j->rq->nexthop);
}

static int put_size(const struct job *j, const struct recipient *r, struct buf *b)
{
	(void)r;
	return buf_addf(b, "%lld", (long long)j->rq->data_size);
}

static int put_recipient(const struct job *j, const struct recipient *r, struct buf *b)
{
	return put_address(j, b, r->address);
}

static int put_original(const struct job *j, const struct recipient *r, struct buf *b)
{
	return put_address(j, b, r->orig_addr);
}

static struct address_parts parts_of(const struct job *j, const struct recipient *r)
{
	struct address_parts p = address_split(r->address);

	if (!p.has_at)
		note(j->x->notes, NOTE_WARN, "no @ in recipient address: " STR_FMT,
			STR_ARG(r->address));
	return p;
}

static void split(const struct job *j, struct str local, struct str *ret_user, struct str *ret_ext)
{
	struct ext_rules rules = { .delimiters = j->x->delimiters,
		.double_bounce_sender = j->x->double_bounce,
		.owner_request_special = j->x->owner_request_special };

	*ret_user = local;
	*ret_ext = STR_EMPTY;
	(void)address_split_ext_rules(local, &rules, ret_user, ret_ext);
}

static int put_local_user(const struct job *j, const struct recipient *r, struct buf *b)
{
	struct str user = STR_EMPTY, ext = STR_EMPTY;

	split(j, parts_of(j, r).local, &user, &ext);
	return put_user(j, b, user);
}

static int put_extension(const struct job *j, const struct recipient *r, struct buf *b)
{
	struct str user = STR_EMPTY, ext = STR_EMPTY;

	split(j, parts_of(j, r).local, &user, &ext);
	return put_user(j, b, ext);
}

static int put_mailbox(const struct job *j, const struct recipient *r, struct buf *b)
{
	return put_user(j, b, parts_of(j, r).local);
}

static int put_domain(const struct job *j, const struct recipient *r, struct buf *b)
{
	return put_host(j, b, parts_of(j, r).domain);
}

#define AS_IT_IS(field) true, offsetof(struct delivery_request, field), NULL
#define COMPUTED(fn)    false, 0, fn

static const struct macro {
	struct str name;
	bool of_recipient;
	bool plain; /* a string of the request at `offset` */
	size_t offset;
	value_fn put;
} macros[] = {
	{ STR("client_address"), false, AS_IT_IS(client_addr) },
	{ STR("client_helo"), false, AS_IT_IS(client_helo) },
	{ STR("client_hostname"), false, AS_IT_IS(client_name) },
	{ STR("client_port"), false, AS_IT_IS(client_port) },
	{ STR("client_protocol"), false, AS_IT_IS(client_proto) },
	{ STR("domain"), true, COMPUTED(put_domain) },
	{ STR("envid"), false, AS_IT_IS(dsn_envid) },
	{ STR("extension"), true, COMPUTED(put_extension) },
	{ STR("mailbox"), true, COMPUTED(put_mailbox) },
	{ STR("nexthop"), false, COMPUTED(put_nexthop) },
	{ STR("original_recipient"), true, COMPUTED(put_original) },
	{ STR("queue_id"), false, AS_IT_IS(queue_id) },
	{ STR("recipient"), true, COMPUTED(put_recipient) },
	{ STR("sasl_method"), false, AS_IT_IS(sasl_method) },
	{ STR("sasl_sender"), false, AS_IT_IS(sasl_sender) },
	{ STR("sasl_username"), false, AS_IT_IS(sasl_username) },
	{ STR("sender"), false, COMPUTED(put_sender) },
	{ STR("size"), false, COMPUTED(put_size) },
	{ STR("user"), true, COMPUTED(put_local_user) },
};

static const struct macro *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(macros); i++)
		if (str_eq(macros[i].name, name))
			return &macros[i];
	return NULL;
}

/* The matching closing one, braces within counted; -1 none. */
static ptrdiff_t find_end(struct str s, char open, char close)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == open)
			depth++;
		else if (s.ptr[i] == close && depth-- == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

/* Behind a '$' that is no "$$": take the name off `rest`. */
static int take_name(const struct job *j, struct str word, struct str *rest, struct str *ret_name)
{
	char open = rest->len > 0 ? *rest->ptr : '\0';
	ptrdiff_t end;
	size_t n = 0;

	if (open == '{' || open == '(') {
		*rest = str_skip(*rest, 1);
		end = find_end(*rest, open, open == '{' ? '}' : ')');
		if (end < 0)
			return why_set(j->why, -EINVAL,
				"truncated macro reference: \"" STR_FMT "\"", STR_ARG(word));
		*ret_name = str_head(*rest, (size_t)end);
		*rest = str_skip(*rest, (size_t)end + 1);
	} else {
		while (n < rest->len &&
			(is_alnum((unsigned char)rest->ptr[n]) || rest->ptr[n] == '_'))
			n++;
		*ret_name = str_head(*rest, n);
		*rest = str_skip(*rest, n);
	}
	if (ret_name->len == 0)
		return why_set(j->why, -EINVAL, "empty macro name: \"" STR_FMT "\"", STR_ARG(word));
	return 0;
}

static int put_value(const struct job *j, const struct macro *m, const struct recipient *r,
	struct buf *b)
{
	if (m->put != NULL)
		return m->put(j, r, b);
	return buf_add(b, *(const struct str *)(const void *)((const char *)j->rq + m->offset));
}

/* One word, for one recipient; *ret_of_recipient tells whether it depends on it. */
static int expand(const struct job *j, struct str word, const struct recipient *r, struct buf *b,
	bool *ret_of_recipient)
{
	struct str rest = word;

	*ret_of_recipient = false;
	while (rest.len > 0) {
		ptrdiff_t at = str_chr(rest, '$');
		size_t plain = at < 0 ? rest.len : (size_t)at;
		const struct macro *m;
		struct str name = STR_EMPTY;
		int e = buf_add(b, str_head(rest, plain));

		rest = str_skip(rest, plain + 1);
		if (e < 0 || at < 0)
			return e;
		if (str_starts(rest, STR("$"))) {
			rest = str_skip(rest, 1);
			e = buf_addc(b, '$');
			if (e < 0)
				return e;
			continue;
		}
		e = take_name(j, word, &rest, &name);
		if (e < 0)
			return e;
		m = find(name);
		if (m == NULL)
			return why_set(j->why, -EINVAL, "%s: unknown macro name: \"" STR_FMT "\"",
				j->x->where, STR_ARG(name));
		*ret_of_recipient = *ret_of_recipient || m->of_recipient;
		e = put_value(j, m, r, b);
		if (e < 0)
			return e;
	}
	return 0;
}

static int add(struct job *j, struct str word)
{
	j->size += word.len + 1 + sizeof(char *);
	if (j->size > TEXT_MAX)
		return -E2BIG;
	if (j->n + 1 >= j->cap) {
		size_t cap = j->cap == 0 ? 64 : j->cap * 2;
		char **v = arena_array(j->a, cap, sizeof(*v));

		if (j->n > 0)
			memcpy(v, j->v, j->n * sizeof(*v));
		j->v = v;
		j->cap = cap;
	}
	j->v[j->n++] = arena_cstr(j->a, word);
	j->v[j->n] = NULL;
	return 0;
}

static int add_expanded(struct job *j, struct str word)
{
	bool of_recipient = true;
	int e = 0;

	for (size_t i = 0; e == 0 && i < j->rq->n_rcpt && of_recipient; i++) {
		_cleanup_buf_ struct buf b = BUF_LOCAL(TEXT_MAX);

		e = expand(j, word, &j->rq->rcpt[i], &b, &of_recipient);
		if (e == 0)
			e = add(j, buf_str(&b));
	}
	return e;
}

int pipe_expand(const struct pipe_expand *x, char *const *words, const struct delivery_request *rq,
	struct arena *a, char ***ret, struct why *why)
{
	struct job j = { .x = x, .rq = rq, .a = a, .why = why };
	int e = 0;

	for (; e == 0 && *words != NULL; words++)
		e = add_expanded(&j, str_of(*words));
	if (e == -EMSGSIZE || e == -E2BIG)
		return why_errno(why, -E2BIG, "arguments");
	if (e == 0)
		*ret = j.v;
	return e;
}
