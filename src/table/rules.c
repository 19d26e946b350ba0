/* SPDX-License-Identifier: Apache-2.0 */
/* table/rules.c — see rules.h. */
#include "table/rules.h"

#include <errno.h>

#include "base/encode.h"
#include "base/mem.h"
#include "table/pairs.h"
#include "table/rulefile.h"
#include "table/template.h"

/* More nesting than anybody writes; bounds the parser's stack of IFs. */
#define IF_DEPTH_MAX 100

enum rule_kind {
	RULE_MATCH,
	RULE_IF,
};

struct rule {
	enum rule_kind kind;
	bool negate;
	int line;
	void *re;
	struct template text;
	size_t jump; /* RULE_IF: where to go on when it does not match */
};

struct rules {
	const struct rx_engine *engine;
	struct rule *v;
	size_t n;
	size_t max_group;
};

struct loader {
	struct table *t;
	struct rules *rules;
	size_t open_if[IF_DEPTH_MAX];
	size_t depth;
	int err;
	struct why why;
};

/* The parts of "/pattern/options text". */
struct pattern {
	bool negate;
	struct str source;
	struct str options;
	struct str rest;
};

static struct rule *add_rule(struct loader *l, struct rule rule)
{
	struct rules *r = l->rules;

	r->v = mem_resize(r->v, r->n + 1, sizeof(*r->v));
	r->v[r->n] = rule;
	return &r->v[r->n++];
}

static bool split_pattern(struct loader *l, struct str text, int line, struct pattern *ret)
{
	struct pattern p = { 0 };
	struct str s = text;

	while (s.len > 0 && (s.ptr[0] == '!' || is_space((unsigned char)s.ptr[0]))) {
		if (s.ptr[0] == '!')
			p.negate = !p.negate;
		s = str_skip(s, 1);
	}
	if (s.len == 0) {
		rule_note(l->t, line, "no regexp: skipping this rule");
		return false;
	}

	char delim = s.ptr[0];
	size_t end = 1;

	while (end < s.len && s.ptr[end] != delim)
		end += s.ptr[end] == '\\' && end + 1 < s.len ? 2 : 1;
	if (end >= s.len) {
		rule_note(l->t, line, "no closing regexp delimiter \"%c\": %s this rule", delim,
			l->rules->engine->skipping);
		return false;
	}
	p.source = str_from(s.ptr + 1, end - 1);
	s = str_skip(s, end + 1);
	for (end = 0; end < s.len && !is_space((unsigned char)s.ptr[end]); end++)
		;
	p.options = str_head(s, end);
	p.rest = str_trim(str_skip(s, end));
	*ret = p;
	return true;
}

/* Parse replacement text; notes and returns false when the rule must be skipped. */
static bool read_text(struct loader *l, const struct pattern *p, int line, struct template *ret)
{
	struct str what;

	switch (template_parse(p->rest, ret, &what)) {
	case TEMPLATE_EMPTY_NAME:
		note(l->t->s.notes, NOTE_WARN, "empty macro name: \"" STR_FMT "\"", STR_ARG(what));
		break;
	case TEMPLATE_TRUNCATED:
		note(l->t->s.notes, NOTE_WARN, "truncated macro reference: \"" STR_FMT "\"",
			STR_ARG(what));
		break;
	case TEMPLATE_NOT_NUMBER:
		rule_note(l->t, line, "non-numeric replacement index \"" STR_FMT "\"",
			STR_ARG(what));
		break;
	case TEMPLATE_ZERO:
		rule_note(l->t, line, "%s replacement index \"" STR_FMT "\"",
			l->rules->engine->bad_index, STR_ARG(what));
		break;
	case TEMPLATE_OK:
	default:
		return true;
	}
	rule_note(l->t, line, "bad replacement syntax: skipping this rule");
	return false;
}

/* Is this text fit for this pattern and these flags? */
static bool text_fits(struct loader *l, const struct template *text, bool negate, size_t groups,
	int line)
{
	if (text->max_group == 0)
		return true;
	if (negate) {
		rule_note(l->t, line,
			"$number found in negative match replacement text: skipping this rule");
		return false;
	}
	if ((l->t->flags & TABLE_NO_REGSUB) != 0) {
		rule_note(l->t, line,
			"regular expression substitution is not allowed: skipping this rule");
		return false;
	}
	if (text->max_group > groups) {
		rule_note(l->t, line, "out of range replacement index \"%u\": skipping this rule",
			text->max_group);
		return false;
	}
	return true;
}

/* With TABLE_SRC_RHS_IS_FILE the text names files, whose content is the result. */
static bool text_from_files(struct loader *l, const struct pattern *p, struct template *ret)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(PAIRS_VALUE_MAX);
	int r = table_files_base64(p->rest, &b, &l->why);
	struct str what;

	if (r < 0) {
		l->err = r;
		return false;
	}
	return template_parse(buf_str(&b), ret, &what) == TEMPLATE_OK;
}

static void add_match(struct loader *l, struct str text, int line)
{
	struct pattern p;
	struct template tmpl = { 0 };
	size_t groups = 0;

	if (!split_pattern(l, text, line, &p))
		return;
	if (p.rest.len == 0)
		rule_note(l->t, line, "no replacement text: using empty string");

	bool files = (l->t->flags & TABLE_SRC_RHS_IS_FILE) != 0;

	if (files ? !text_from_files(l, &p, &tmpl) : !read_text(l, &p, line, &tmpl))
		return;

	void *re = l->rules->engine->compile(l->t, line, p.source, p.options, &groups);

	if (re == NULL || !text_fits(l, &tmpl, p.negate, groups, line)) {
		if (re != NULL)
			l->rules->engine->free(re);
		template_done(&tmpl);
		return;
	}
	l->rules->max_group = MAX(l->rules->max_group, (size_t)tmpl.max_group);
	(void)add_rule(l, (struct rule){ .kind = RULE_MATCH,
				  .negate = p.negate,
				  .line = line,
				  .re = re,
				  .text = tmpl });
}

static void add_if(struct loader *l, struct str text, int line)
{
	struct pattern p;
	size_t groups = 0;

	if (!split_pattern(l, text, line, &p))
		return;
	if (p.rest.len > 0) {
		rule_note(l->t, line, "ignoring extra text after IF statement: \"" STR_FMT "\"",
			STR_ARG(p.rest));
		rule_note(l->t, line,
			"do not prepend whitespace to statements between IF and ENDIF");
	}

	void *re = l->rules->engine->compile(l->t, line, p.source, p.options, &groups);

	if (re == NULL)
		return;
	if (l->depth == IF_DEPTH_MAX) {
		rule_note(l->t, line, "too many nested IF statements: skipping this rule");
		l->rules->engine->free(re);
		return;
	}
	l->open_if[l->depth++] = l->rules->n;
	(void)add_rule(l,
		(struct rule){ .kind = RULE_IF, .negate = p.negate, .line = line, .re = re });
}

static void add_endif(struct loader *l, struct str rest, int line)
{
	if (str_trim(rest).len > 0)
		rule_note(l->t, line, "ignoring extra text after ENDIF");
	if (l->depth == 0) {
		rule_note(l->t, line, "ignoring ENDIF without matching IF");
		return;
	}
	l->rules->v[l->open_if[--l->depth]].jump = l->rules->n;
}

static void add_line(void *ctx, struct str text, int line)
{
	struct loader *l = ctx;
	size_t word = 0;

	if (text.len == 0)
		return;
	while (word < text.len && is_alnum((unsigned char)text.ptr[word]))
		word++;
	if (word == 0) {
		add_match(l, text, line);
		return;
	}

	struct str keyword = str_head(text, word), rest = str_skip(text, word);

	if (str_ieq(keyword, STR("if")))
		add_if(l, str_trim(rest), line);
	else if (str_ieq(keyword, STR("endif")))
		add_endif(l, rest, line);
	else
		rule_note(l->t, line, "ignoring unrecognized request");
}

int rules_open(struct table *t, const struct rx_engine *e, struct why *why)
{
	struct rules *rules = mem_new(struct rules);

	rules->engine = e;
	t->impl = rules;

	struct loader l = { .t = t, .rules = rules };
	int r = rulefile_each(t, add_line, &l, why);

	if (r < 0)
		return r;
	while (l.depth > 0) {
		struct rule *open_if = &rules->v[l.open_if[--l.depth]];

		rule_note(t, open_if->line, "IF has no matching ENDIF");
		open_if->jump = rules->n;
	}
	return l.err < 0 ? why_set(why, l.err, "%s", l.why.text) : 0;
}

void rules_close(struct table *t)
{
	struct rules *r = t->impl;

	for (size_t i = 0; r != NULL && i < r->n; i++) {
		r->engine->free(r->v[i].re);
		template_done(&r->v[i].text);
	}
	if (r != NULL)
		free(r->v);
	free(r);
}

static int expand(const struct template *text, struct str key, const struct rx_span *spans,
	struct buf *ret)
{
	for (size_t i = 0; i < text->n; i++) {
		const struct template_part *p = &text->parts[i];
		struct str piece = p->text;

		if (p->group > 0) {
			const struct rx_span *s = &spans[p->group];

			piece = s->from < 0
					? STR_EMPTY
					: str_from(key.ptr + s->from, (size_t)(s->to - s->from));
		}

		int r = buf_add(ret, piece);

		if (r < 0)
			return r;
	}
	return 0;
}

enum lookup rules_get(const struct table *t, struct str key, struct buf *ret, struct why *why)
{
	const struct rules *r = t->impl;
	_cleanup_free_ struct rx_span *spans = mem_array(r->max_group + 1, sizeof(*spans));

	for (size_t i = 0; i < r->n;) {
		const struct rule *rule = &r->v[i];
		struct why cause = { "" };
		int m = r->engine->match(rule->re, key, spans, (size_t)rule->text.max_group + 1,
			&cause);

		if (m < 0) {
			rule_note(t, rule->line, "%s", cause.text);
			(void)why_set(why, m, "%s map %s, line %d: %s", t->type, t->name,
				rule->line, cause.text);
			return LOOKUP_TEMPFAIL;
		}

		bool hit = (m > 0) != rule->negate;

		if (rule->kind == RULE_IF) {
			i = hit ? i + 1 : rule->jump;
			continue;
		}
		if (!hit) {
			i++;
			continue;
		}
		if (expand(&rule->text, key, spans, ret) < 0) {
			(void)why_set(why, -EMSGSIZE, "result is too long");
			return LOOKUP_TEMPFAIL;
		}
		return LOOKUP_FOUND;
	}
	return LOOKUP_NONE;
}
