/* SPDX-License-Identifier: Apache-2.0 */
/* message.c — see message.h. */
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "log/log.h"
#include "mime/mime.h"

struct walk {
	const struct table_tool *t;
	struct table **tables;
	size_t n;
	int found;
};

static void ask(struct walk *w, struct str key)
{
	if (table_tool_ask(w->t, w->tables, w->n, key))
		w->found++;
}

static int on_header(void *ctx, _unused_ enum mime_class cls, _unused_ const struct header_def *def,
	struct str text)
{
	struct walk *w = ctx;

	/* Part headers count as headers with -h, as content with -b alone. */
	if (w->t->opt.headers)
		ask(w, text);
	return 0;
}

static int on_header_end(_unused_ void *ctx)
{
	return 0;
}

static int on_body(void *ctx, struct str line, _unused_ bool partial, _unused_ int64_t offset)
{
	struct walk *w = ctx;

	if (w->t->opt.body)
		ask(w, line);
	return 0;
}

static void on_error(_unused_ void *ctx, enum mime_error err, struct str text)
{
	log_warn("%s: \"" STR_FMT "\"", mime_error_text(err, NULL), STR_ARG(str_head(text, 100)));
}

static void read_limits(const struct conf *c, struct mime_settings *ret)
{
	static const struct {
		const char *name;
		size_t offset;
	} limits[] = {
		{ "header_size_limit", offsetof(struct mime_settings, header_size_limit) },
		{ "mime_boundary_length_limit",
			offsetof(struct mime_settings, boundary_length_limit) },
		{ "mime_nesting_limit", offsetof(struct mime_settings, nesting_limit) },
	};
	struct why why = { "" };

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		int64_t value = 0;

		if (conf_int(c, limits[i].name, &value, &why) < 0)
			log_fatal("%s", why.text);
		*(size_t *)(void *)((char *)ret + limits[i].offset) = (size_t)value;
	}
}

static void feed(struct mime *m)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) >= 0) {
		if (len > 0 && line[len - 1] == '\n')
			len--;

		int r = mime_line(m, str_from(line, (size_t)len), false);

		check(r == 0); /* our callbacks stop nothing */
	}
	free(line);
	if (ferror(stdin))
		log_fatal("read standard input: %s", strerror(errno));
}

int postmap_message(const struct table_tool *t, struct table **tables, size_t n)
{
	static const struct mime_callbacks cb = {
		.header = on_header,
		.header_end = on_header_end,
		.body = on_body,
		.error = on_error,
	};
	struct walk w = { .t = t, .tables = tables, .n = n };
	struct mime_settings s = { .options = t->opt.mime ? 0 : MIME_OPT_DISABLE };

	read_limits(t->conf, &s);

	struct mime *m = mime_new(&s, &cb, &w);

	feed(m);

	int r = mime_end(m);

	check(r == 0);
	mime_free(m);
	return w.found;
}
