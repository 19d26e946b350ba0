/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_main.c — set, remove, comment out parameters in main.cf; everything else stays byte by byte.
 */
#include "postconf.h"

#include "base/mem.h"
#include "conf/lines.h"
#include "log/log.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

/** One parameter to change. */
struct change {
	struct str name;
	struct str value;
	size_t seen;
};

struct changes {
	struct change *v;
	size_t n;
};

static struct change *find(struct changes *c, struct str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->v[i].name, name))
			return &c->v[i];
	return NULL;
}

/** An argument of the command line as a change. */
static void add_change(const struct request *req, const char *arg, struct changes *c)
{
	struct change ch = { .name = str_trim(str_of(arg)) };
	struct change *old;
	const char *wrong;

	if (strchr(arg, '\n') != NULL)
		log_fatal("-e, -X, or -# accepts no multi-line input");
	if (req->edit == 'e') {
		wrong = conf_split_setting(str_of(arg), &ch.name, &ch.value);
		if (wrong != NULL)
			log_fatal("%s: \"%s\"", wrong, arg);
		if (ch.name.ptr[0] == '#')
			log_fatal("-e, -X, or -# accepts no comment input");
	} else if (strchr(arg, '=') != NULL) {
		log_fatal("-X or -# requires names without value");
	}
	old = find(c, ch.name);
	if (old != NULL) {
		if (req->edit == 'e')
			log_warn("ignoring earlier request: '%.*s = %.*s'", STR_ARG(old->name),
				STR_ARG(old->value));
		*old = ch;
		return;
	}
	c->v[c->n++] = ch;
}

static void put_setting(const struct change *ch, struct buf *out)
{
	buf_putf(out, "%.*s = %.*s\n", STR_ARG(ch->name), STR_ARG(ch->value));
}

static void edit_chunk(const struct context *x, const struct chunk *c, struct changes *changes,
	struct buf *out)
{
	struct str name = STR_EMPTY, value = STR_EMPTY;
	struct change *ch = NULL;

	if (c->logical.len > 0 && conf_split_setting(c->logical, &name, &value) == NULL)
		ch = find(changes, name);
	if (ch == NULL) {
		buf_put(out, c->text);
		return;
	}
	if (++ch->seen == 2)
		log_warn("%s: multiple entries for \"%.*s\"", x->main_cf, STR_ARG(name));
	if (x->req->edit == '#') {
		chunk_commented(c, out);
		return;
	}
	if (x->req->edit == 'e')
		put_setting(ch, out);
	chunk_without_entry(c, out);
}

int edit_main(const struct context *x)
{
	_cleanup_buf_ struct buf old = BUF_LOCAL(FILE_MAX);
	_cleanup_buf_ struct buf text = BUF_LOCAL(2 * FILE_MAX);
	_cleanup_buf_ struct buf logical = BUF_LOCAL(FILE_MAX);
	struct changes changes = { mem_array((size_t)x->req->nargs, sizeof(struct change)), 0 };
	struct replacement *r;
	struct str rest;
	struct chunk c;

	for (int i = 0; i < x->req->nargs; i++)
		add_change(x->req, x->req->args[i], &changes);
	r = replace_start(x->main_cf, &old);
	rest = buf_str(&old);
	while (next_chunk(&rest, &logical, &c))
		edit_chunk(x, &c, &changes, &text);
	for (size_t i = 0; x->req->edit == 'e' && i < changes.n; i++)
		if (changes.v[i].seen == 0)
			put_setting(&changes.v[i], &text);
	replace_commit(r, buf_str(&text));
	free(changes.v);
	return 0;
}
