/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/template.h — subjects and texts of notices: built in, or from bounce_template_file.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/why.h"

enum template_id {
	TEMPLATE_FAILURE,
	TEMPLATE_DELAY,
	TEMPLATE_SUCCESS,
	TEMPLATE_VERIFY,
	TEMPLATES
};

/** One notice. Strings are owned. */
struct template
{
	char *charset;
	char *from;
	char *subject;
	char *postmaster_subject; /* NULL for success and verify */
	char *body;               /* lines with $names, each ended by a newline */
};

struct templates {
	struct template t[TEMPLATES];
};

/**
 * The built-in texts.
 *
 * @param obsolete_from   header_from_format = obsolete
 */
void templates_init(struct templates *ts, bool obsolete_from);
void templates_done(struct templates *ts);
/**
 * Replace those that a template file has.
 *
 * A template with a mistake is left out with a note, the built-in one stays.
 * @return 0; negative errno when the file cannot be read, with why
 * Source: bounce(5).
 */
_must_use_ int templates_load(struct templates *ts, const char *path, const struct notes *notes,
	struct why *why);
/** As templates_load, from text; `name` is for notes. */
void templates_parse(struct templates *ts, struct str text, const char *name,
	const struct notes *notes);

/** The name of a template in a template file: "failure_template". */
const char *template_name(enum template_id id);
/** Append all templates in the form of a template file. */
void templates_dump(struct buf *b, const struct templates *ts);

/** Values that are known to notices only. */
struct template_values {
	usec_t delay_warning_time;
	usec_t maximal_queue_lifetime;
	struct str myhostname, mydomain; /* as they are shown */
};
/**
 * Append the body with the names of template_values replaced; all other $names stay for conf.
 *
 * Source: bounce(5), "template message text format".
 */
void template_expand(struct buf *b, const struct template *t, const struct template_values *v);
/** True when the body needs another charset than us-ascii. */
bool template_is_8bit(const struct template *t);
