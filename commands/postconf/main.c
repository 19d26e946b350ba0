/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postconf — show and change main.cf and master.cf. Options and output as documented in postconf(1).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postconf.h"

#include "base/fd.h"
#include "log/log.h"
#include "service/derive.h"

/** Letters that choose what is shown or changed; at most one of them. */
#define OBJECTS "aAbFlmMPtT"

/** The temporary file of an edit, or empty. */
static char the_temporary[4096];

static void remove_temporary(void)
{
	if (the_temporary[0] != '\0')
		(void)unlink(the_temporary);
}

void remember_temporary(const char *path)
{
	int n = snprintf(the_temporary, sizeof the_temporary, "%s", path == NULL ? "" : path);

	if (n < 0 || (size_t)n >= sizeof the_temporary)
		log_fatal("file name is too long: %s", path);
	log_on_fatal(remove_temporary);
}

_noreturn_ static void usage(void)
{
	log_fatal("usage: postconf [-a (server SASL types)] [-A (client SASL types)] "
		  "[-c config_dir] [-C param_class] [-d (parameter defaults)] "
		  "[-e (edit configuration)] [-f (fold lines)] [-F (master.cf fields)] "
		  "[-h (no names)] [-H (no values)] [-j (JSON)] [-l (lock types)] [-m (map types)] "
		  "[-M (master.cf)] [-n (non-default parameters)] "
		  "[-o name=value (override parameter value)] [-p (main.cf, default)] "
		  "[-P (master.cf parameters)] [-q (fewer warnings)] [-T mode] [-v (verbose)] "
		  "[-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]");
}

static void choose_classes(struct request *req, const char *arg)
{
	struct str rest = str_of(arg), word;

	while (str_word(&rest, ", \t", &word)) {
		bool all = str_ieq(word, STR("all"));

		if (!all && !str_ieq(word, STR("builtin")) && !str_ieq(word, STR("service")) &&
			!str_ieq(word, STR("user")))
			log_fatal("unknown -C option value \"%.*s\" in \"%s\"", STR_ARG(word), arg);
		req->builtin = req->builtin || all || str_ieq(word, STR("builtin"));
		req->service = req->service || all || str_ieq(word, STR("service"));
		req->user = req->user || all || str_ieq(word, STR("user"));
	}
}

/** Letters given, and those among them that exclude each other. */
static void refuse_combinations(const bool *given)
{
	static const char *const exclusive[] = { "aAbFlmMPptT", "dn", "hH", "eX#", "de", "dX", "d#",
		"ne", "nX", "n#", "ef", "fX", "f#", "xe", "xX", "x#", "oe", "oX", "o#", "je", "jX",
		"j#", "jh", "jH", "jf" };
	static const struct {
		char object;
		const char * not ;
	} limits[] = {
		{ 'M', "dhHnC" },
		{ 'F', "dnCX#" },
		{ 'P', "dnC#" },
		{ 'a', "CdefhHnoPxX#j" },
		{ 'A', "CdefhHnoPxX#j" },
		{ 'l', "CdefhHnoPxX#j" },
		{ 'm', "CdefhHnoPxX#j" },
		{ 'T', "CdefhHnoPxX#j" },
	};

	for (size_t i = 0; i < ARRAY_LEN(exclusive); i++) {
		char found[3] = "";
		size_t n = 0;

		for (const char *p = exclusive[i]; *p != '\0' && n < 2; p++)
			if (given[(unsigned char)*p])
				found[n++] = *p;
		if (n == 2)
			log_fatal("specify one of -%c -%c", found[0], found[1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		for (const char *p = limits[i].not ; *p != '\0'; p++)
			if (given[(unsigned char)limits[i].object] && given[(unsigned char)*p])
				log_fatal("with option -%c, do not specify -%c", limits[i].object,
					*p);
}

/** One option letter. */
static void take_option(struct request *req, int c, bool *given)
{
	given[c] = true;
	if (strchr(OBJECTS "p", c) != NULL)
		req->object = (char)c;
	switch (c) {
	case 'c':
		if (setenv("MAIL_CONFIG", optarg, 1) < 0)
			log_fatal("out of memory");
		req->dir = optarg;
		break;
	case 'C':
		choose_classes(req, optarg);
		break;
	case 'd':
		req->defaults = true;
		break;
	case 'e':
	case 'X':
	case '#':
		req->edit = (char)c;
		break;
	case 'f':
		req->fold = true;
		break;
	case 'h':
		req->no_names = true;
		break;
	case 'H':
		req->no_values = true;
		break;
	case 'j':
		req->json = true;
		break;
	case 'n':
		req->set_only = true;
		break;
	case 'o':
		strv_add(&req->overrides, str_of(optarg));
		break;
	case 'q':
		req->quiet = true;
		break;
	case 'v':
		log_set_verbose(log_verbose() + 1);
		break;
	case 'x':
		req->expand = true;
		break;
	case '?':
		usage();
	default:
		break;
	}
}

static void parse_options(int argc, char **argv, struct request *req)
{
	bool given[256] = { false };
	int c;

	*req = (struct request){ .object = 'p' };
	while ((c = getopt(argc, argv, "+aAbc:C:deEfFhHjlmMno:pPqtT:vxX#")) > 0)
		take_option(req, c, given);
	refuse_combinations(given);
	if (!given['C'])
		req->builtin = req->service = req->user = true;
	req->args = argv + optind;
	req->nargs = argc - optind;
	if (strchr("pMFP", req->object) == NULL)
		return;
	/* -e is assumed when the first argument has a value. */
	if (req->edit == 0 && !req->defaults && !req->set_only && req->nargs > 0 &&
		strchr(req->args[0], '=') != NULL)
		req->edit = 'e';
	if (req->edit == 'e' && req->nargs == 0)
		log_fatal("-e requires name=value argument");
	if (req->edit != 0 && req->nargs == 0)
		log_fatal("missing service argument");
	for (int i = 0; (req->edit == 'X' || req->edit == '#') && i < req->nargs; i++)
		if (strchr(req->args[i], '=') != NULL)
			log_fatal("specify one of -e -%c", req->edit);
}

static void warn_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	if (level >= NOTE_WARN)
		log_warn("%s", text);
}

/** Read main.cf (defaults only: not) and master.cf. */
static void load(struct context *x)
{
	struct notes notes = { warn_note, NULL };
	const struct request *req = x->req;
	struct why why = { "" };
	int r;

	if (req->defaults)
		x->conf = conf_new(conf_param_find(STR("config_directory"))->def);
	else if (conf_load(req->dir, &notes, &x->conf, &why) < 0)
		log_fatal("%s", why.text);
	for (size_t i = 0; i < req->overrides.n; i++)
		if (conf_override(x->conf, str_of(req->overrides.v[i]), &why) < 0)
			log_fatal("invalid parameter override: %s: %s", req->overrides.v[i],
				why.text);
	if (conf_compat_check(x->conf, &why) < 0)
		log_fatal("%s", why.text);
	r = load_services(x->master_cf, &x->services, &why);
	if (r < 0 && (strchr("pbt", req->object) == NULL || r != -ENOENT))
		log_fatal("%s", why.text);
	if (r < 0)
		log_warn("%s", why.text);
	x->used = conf_names_used(x->conf, &x->services);
}

static int run(struct context *x)
{
	int status;

	if (x->req->edit != 0)
		return x->req->object == 'p' ? edit_main(x) : edit_master(x);
	load(x);
	if (strchr("bt", x->req->object) != NULL)
		status = show_templates(x);
	else
		status = x->req->object == 'p' ? show_main(x) : show_master(x);
	if (fflush(stdout) != 0)
		log_fatal("write error: %m");
	if (strchr("bt", x->req->object) == NULL)
		warn_names(x);
	map_free(x->used);
	master_cf_done(&x->services);
	conf_free(x->conf);
	return status;
}

int main(int argc, char **argv)
{
	struct request req;
	struct context x = { .req = &req };
	struct buf path = BUF(BUF_SMALL);
	int status;

	fd_open_std();
	log_init(&(struct log_settings){ .tag = "postconf", .to_stderr = true, .no_syslog = true });
	parse_options(argc, argv, &req);
	if (strchr("pMFPbt", req.object) == NULL)
		return show_list(&req);
	req.dir_given = req.dir != NULL || getenv("MAIL_CONFIG") != NULL;
	req.dir = derive_config_dir(req.dir);
	buf_putf(&path, "%s/main.cf", req.dir);
	x.main_cf = buf_take(&path);
	buf_putf(&path, "%s/master.cf", req.dir);
	x.master_cf = buf_take(&path);
	status = run(&x);
	free(x.main_cf);
	free(x.master_cf);
	strv_done(&req.overrides);
	return status;
}
