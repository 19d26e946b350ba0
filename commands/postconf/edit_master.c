/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_master.c — change services, fields and -o settings in master.cf.
 *
 * An entry that is changed is written anew in our format; the others stay byte by byte. The result
 * of each change is parsed before anything is written, so a typing error cannot break master.cf.
 */
#include "postconf.h"

#include "base/mem.h"
#include "log/log.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

/** One argument of the command line. */
struct change {
	const char *arg;
	struct str parts[3]; /* service, type, field or parameter */
	struct str value;
	bool matched;
};

struct changes {
	struct change *v;
	size_t n;
};

static void complain(const struct request *req)
{
	switch (req->object) {
	case 'M':
		log_fatal("-Me, -MX or -M# requires service_name/type");
	case 'F':
		log_fatal("-Fe or -FX requires service_name/type/field_name");
	default:
		log_fatal("-Pe or -PX requires service_name/type/parameter");
	}
}

static size_t field_index(struct str name)
{
	for (size_t i = 0; i < 8; i++)
		if (str_eq(name, str_of(field_names[i])))
			return i;
	log_fatal("invalid service attribute name: \"%.*s\"", STR_ARG(name));
}

static void parse_change(const struct request *req, const char *arg, struct change *ret)
{
	size_t want = req->object == 'M' ? 2 : 3;
	struct str target = str_of(arg);
	ptrdiff_t eq = str_chr(target, '=');

	*ret = (struct change){ .arg = arg };
	if (strchr(arg, '\n') != NULL)
		log_fatal("-e, -X, or -# accepts no multi-line input");
	if (req->edit == 'e') {
		if (eq < 0)
			log_fatal("missing '=' after attribute name: \"%s\"", arg);
		ret->value = str_trim(str_skip(target, (size_t)eq + 1));
		target = str_head(target, (size_t)eq);
	}
	target = str_trim(target);
	if (split_request(target, ret->parts, want) != want)
		complain(req);
	if (req->object == 'F' && field_index(ret->parts[2]) < 7 && ret->value.len == 0)
		log_fatal("a field needs a value: \"%s\"", arg);
	if (req->object != 'P')
		return;
	if (str_eq(ret->parts[2], STR("*")))
		log_fatal("-Pe does not accept wild-card parameter name");
}

static void parse_entry(struct str line, struct master_entry *ret, const char *source)
{
	struct why why = { "" };

	if (master_entry_parse(line, false, ret, &why) < 0)
		log_fatal("%s: %s", source, why.text);
}

/** Change one field: the entry is put together again and parsed. */
static void set_field(const struct context *x, struct master_entry *e, const struct change *ch)
{
	size_t field = field_index(ch->parts[2]);
	_cleanup_buf_ struct buf line = BUF_LOCAL(BUF_MEDIUM);

	for (size_t i = 0; i < 7; i++)
		buf_putf(&line, "%.*s ", STR_ARG(i == field ? ch->value : str_of(e->fields[i])));
	if (field == 7)
		buf_put(&line, ch->value);
	else
		format_command(x, e, &line);
	master_entry_done(e);
	parse_entry(buf_str(&line), e, ch->arg);
}

/** True when argument i is -o and the next one sets the parameter. */
static bool sets(const struct master_entry *e, size_t i, struct str param)
{
	struct str arg;
	ptrdiff_t eq;

	if (i + 1 >= e->args.n || strcmp(e->args.v[i], "-o") != 0)
		return false;
	arg = str_of(e->args.v[i + 1]);
	eq = str_chr(arg, '=');
	return eq >= 0 && str_eq(str_trim(str_head(arg, (size_t)eq)), param);
}

/** True when argument i is an option; *ret_next is the index behind it and its value. */
static bool is_option(const struct master_entry *e, size_t i, size_t *ret_next)
{
	const char *arg = e->args.v[i];

	if (arg[0] != '-')
		return false;
	*ret_next = i + 1;
	if (strcmp(arg, "-o") == 0 && i + 1 < e->args.n)
		*ret_next = i + 2;
	return true;
}

/** Add -o setting, once. */
static void place(struct strv *args, struct str setting, bool *placed)
{
	if (!*placed) {
		strv_add(args, STR("-o"));
		strv_add(args, setting);
	}
	*placed = true;
}

/**
 * Set or remove -o parameter.
 *
 * The first occurrence keeps its place; a new one comes behind the options that are there, before
 * the program's own arguments.
 */
static void set_param(struct master_entry *e, const struct change *ch, bool remove)
{
	_cleanup_buf_ struct buf setting = BUF_LOCAL(BUF_MEDIUM);
	struct strv args = { 0 };
	bool placed = remove, in_options = true;
	size_t next = 0;

	buf_putf(&setting, "%.*s=%.*s", STR_ARG(ch->parts[2]), STR_ARG(ch->value));
	for (size_t i = 0; i < e->args.n; i = next) {
		in_options = in_options && is_option(e, i, &next);
		if (!in_options) {
			place(&args, buf_str(&setting), &placed);
			next = i + 1;
		} else if (sets(e, i, ch->parts[2])) {
			place(&args, buf_str(&setting), &placed);
			continue;
		}
		for (size_t k = i; k < next; k++)
			strv_add(&args, str_of(e->args.v[k]));
	}
	place(&args, buf_str(&setting), &placed);
	strv_done(&e->args);
	e->args = args;
}

/** Apply one change to an entry: false when the entry goes. */
static bool apply(const struct context *x, struct master_entry *e, const struct change *ch)
{
	switch (x->req->object) {
	case 'M':
		if (x->req->edit != 'e')
			return false;
		master_entry_done(e);
		parse_entry(ch->value, e, ch->arg);
		return true;
	case 'F':
		set_field(x, e, ch);
		return true;
	default:
		set_param(e, ch, x->req->edit == 'X');
		return true;
	}
}

static void edit_chunk(const struct context *x, const struct chunk *c, struct changes *changes,
	struct buf *out)
{
	struct master_entry e = { 0 };
	bool changed = false, keep = true;
	struct why why = { "" };

	if (c->logical.len == 0 || master_entry_parse(c->logical, false, &e, &why) < 0) {
		if (c->logical.len > 0)
			log_warn("%s: left as it is: %s: \"%.*s\"", x->master_cf, why.text,
				STR_ARG(c->logical));
		buf_put(out, c->text);
		return;
	}
	for (size_t i = 0; keep && i < changes->n; i++) {
		struct change *ch = &changes->v[i];

		if (!entry_matches(&e, ch->parts))
			continue;
		ch->matched = changed = true;
		keep = apply(x, &e, ch);
	}
	if (!changed) {
		buf_put(out, c->text);
	} else if (keep) {
		chunk_without_entry(c, out);
		format_service(x, &e, true, out);
		buf_putc(out, '\n');
	} else if (x->req->edit == '#') {
		chunk_commented(c, out);
	} else {
		chunk_without_entry(c, out);
	}
	master_entry_done(&e);
}

/** What no entry matched: -Me appends, the others warn. */
static void unmatched(const struct context *x, const struct change *ch, struct buf *out)
{
	struct master_entry e = { 0 };

	if (ch->matched)
		return;
	if (x->req->object == 'M' && x->req->edit == 'e') {
		parse_entry(ch->value, &e, ch->arg);
		format_service(x, &e, true, out);
		buf_putc(out, '\n');
		master_entry_done(&e);
	} else if (x->req->object != 'M') {
		log_warn("unmatched service_name/type: \"%s\"", ch->arg);
	}
}

int edit_master(const struct context *x)
{
	_cleanup_buf_ struct buf old = BUF_LOCAL(FILE_MAX);
	_cleanup_buf_ struct buf text = BUF_LOCAL(2 * FILE_MAX);
	_cleanup_buf_ struct buf logical = BUF_LOCAL(FILE_MAX);
	struct changes changes = { mem_array((size_t)x->req->nargs, sizeof(struct change)), 0 };
	struct replacement *r;
	struct str rest;
	struct chunk c;

	for (int i = 0; i < x->req->nargs; i++)
		parse_change(x->req, x->req->args[i], &changes.v[changes.n++]);
	for (size_t i = 0; x->req->object == 'M' && x->req->edit == 'e' && i < changes.n; i++) {
		struct master_entry e = { 0 };

		parse_entry(changes.v[i].value, &e, changes.v[i].arg);
		master_entry_done(&e);
	}
	r = replace_start(x->master_cf, &old);
	rest = buf_str(&old);
	while (next_chunk(&rest, &logical, &c))
		edit_chunk(x, &c, &changes, &text);
	for (size_t i = 0; i < changes.n; i++)
		unmatched(x, &changes.v[i], &text);
	replace_commit(r, buf_str(&text));
	free(changes.v);
	return 0;
}
