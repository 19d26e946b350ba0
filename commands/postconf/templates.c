/* SPDX-License-Identifier: Apache-2.0 */
/*
 * templates.c — the templates of notices, as they are or with their $names replaced.
 */
#include <stdio.h>

#include "postconf.h"

#include "delivery/template.h"
#include "log/log.h"
#include "service/template_text.h"

static void warn_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	log_warn("%s", text);
}

/* The file named on the command line, else in main.cf: what it holds replaces what is built in. */
static void load(const struct context *x, struct templates *ts)
{
	static const struct notes notes = { warn_note, NULL };
	char *from = NULL, *file = NULL;
	struct why why = { "" };

	if (conf_str(x->conf, "header_from_format", &from, &why) < 0 ||
		conf_str(x->conf, "bounce_template_file", &file, &why) < 0)
		log_fatal("%s", why.text);
	templates_init(ts, strcmp(from, "obsolete") == 0);
	if (x->req->nargs > 1)
		log_fatal("-%c takes one template file", x->req->object);
	if (x->req->nargs == 1) {
		free(file);
		file = str_dup(str_of(x->req->args[0]));
	}
	if (*file != '\0' && templates_load(ts, file, &notes, &why) < 0)
		log_fatal("%s", why.text);
	free(from);
	free(file);
}

/* "failure_template" is shown as "expanded_failure_text". */
static void show_expanded(const struct context *x, const struct templates *ts)
{
	for (size_t i = 0; i < TEMPLATES; i++) {
		_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
		struct str name = str_of(template_name((enum template_id)i));
		struct why why = { "" };

		if (template_text(x->conf, &ts->t[i], &text, &why) < 0)
			log_fatal("%s: %s", name.ptr, why.text);
		printf("%sexpanded_" STR_FMT "_text = <<EOF\n%sEOF\n", i > 0 ? "\n" : "",
			STR_ARG(str_head(name, (size_t)str_chr(name, '_'))), buf_cstr(&text));
	}
}

int show_templates(const struct context *x)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	struct templates ts;

	load(x, &ts);
	if (x->req->object == 'b') {
		show_expanded(x, &ts);
	} else {
		templates_dump(&text, &ts);
		fputs(buf_cstr(&text), stdout);
	}
	templates_done(&ts);
	return 0;
}
