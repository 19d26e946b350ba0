/* SPDX-License-Identifier: Apache-2.0 */
/* attr.c — the words of master.cf after "pipe"; see pipe.h. */
#include <errno.h>

#include "base/num.h"
#include "pipe.h"

static const char letters[] = "BDFORXhqu.>";

static int parse_flags(const char *value, unsigned *ret, struct why *why)
{
	unsigned flags = 0;

	for (; *value != '\0'; value++) {
		const char *at = strchr(letters, *value);

		if (at == NULL)
			return why_set(why, -EINVAL, "unknown flag: %c (ignored)", *value);
		flags |= 1U << (at - letters);
	}
	*ret = flags;
	return 0;
}

/* Up to three octal digits. */
static char octal(const char **p)
{
	unsigned n = 0;

	for (int i = 0; i < 3 && **p >= '0' && **p <= '7'; i++)
		n = n * 8 + (unsigned)(*(*p)++ - '0');
	return (char)(n & 0xff);
}

/* \a \b \f \n \r \t \v \ddd \\; a backslash before anything else is dropped. */
static void decode_eol(const char *value, struct buf *ret)
{
	static const char names[] = "abfnrtv", chars[] = "\a\b\f\n\r\t\v";

	buf_clear(ret);
	while (*value != '\0') {
		const char *at;

		if (*value != '\\') {
			buf_putc(ret, *value++);
			continue;
		}
		value++;
		at = *value == '\0' ? NULL : strchr(names, *value);
		if (at != NULL) {
			buf_putc(ret, chars[at - names]);
			value++;
		} else if (*value >= '0' && *value <= '7') {
			buf_putc(ret, octal(&value));
		} else if (*value != '\0') {
			buf_putc(ret, *value++);
		}
	}
}

static int parse_user(const char *value, const struct command_owner *owner,
	struct command_identity *ret, struct why *why)
{
	struct command_identity id = { 0 };
	struct str name = STR_EMPTY;

	switch (command_user_find(str_of(value), owner, &id, &name)) {
	case COMMAND_USER_OK:
		break;
	case COMMAND_USER_UNKNOWN:
		return why_set(why, -EINVAL, "get_service_attr: unknown username: " STR_FMT,
			STR_ARG(name));
	case COMMAND_USER_GROUP_UNKNOWN:
		return why_set(why, -EINVAL, "get_service_attr: unknown group: " STR_FMT,
			STR_ARG(name));
	case COMMAND_USER_ROOT:
		return why_set(why, -EINVAL,
			"user= command-line attribute specifies root privileges");
	case COMMAND_USER_NONE:
		return why_set(why, -EINVAL, "user= command-line attribute specifies user id -1");
	case COMMAND_USER_OWNER:
		return why_set(why, -EINVAL,
			"user= command-line attribute specifies mail system owner %s", owner->name);
	case COMMAND_USER_ROOT_GROUP:
		return why_set(why, -EINVAL,
			"user= command-line attribute specifies privileged group id %u", id.gid);
	case COMMAND_USER_GROUP_NONE:
		return why_set(why, -EINVAL, "user= command-line attribute specifies group id -1");
	case COMMAND_USER_OWNER_GROUP:
		return why_set(why, -EINVAL,
			"user= command-line attribute specifies mail system owner %s group id %u",
			owner->name, id.gid);
	case COMMAND_USER_SETGID_GROUP:
		return why_set(why, -EINVAL,
			"user= command-line attribute specifies mail system %s group id %u",
			owner->setgid_name, id.gid);
	}
	*ret = id;
	return 0;
}

static int parse_size(const char *value, int64_t *ret, struct why *why)
{
	uint64_t n;

	if (num_u64(str_of(value), INT64_MAX, &n) < 0)
		return why_set(why, -EINVAL, "get_service_attr: bad size= value: %s", value);
	*ret = (int64_t)n;
	return 0;
}

/* The value of "name=value", or NULL. */
static const char *value_of(const char *word, struct str name)
{
	return str_starts(str_of(word), name) ? word + name.len : NULL;
}

struct parser {
	const struct command_owner *owner;
	struct pipe_attr *attr;
	bool has_user;
};

static int parse_word(struct parser *p, const char *word, struct why *why)
{
	struct pipe_attr *a = p->attr;
	const char *v;

	if ((v = value_of(word, STR("user="))) != NULL) {
		p->has_user = true;
		return parse_user(v, p->owner, &a->id, why);
	}
	if ((v = value_of(word, STR("flags="))) != NULL)
		return parse_flags(v, &a->flags, why);
	if ((v = value_of(word, STR("size="))) != NULL)
		return parse_size(v, &a->size, why);
	if ((v = value_of(word, STR("chroot="))) != NULL)
		a->chroot = v;
	else if ((v = value_of(word, STR("directory="))) != NULL)
		a->directory = v;
	else if ((v = value_of(word, STR("null_sender="))) != NULL)
		a->null_sender = str_of(v);
	else if ((v = value_of(word, STR("eol="))) != NULL)
		decode_eol(v, &a->eol);
	else
		return why_set(why, -EINVAL, "unknown attribute name: %s", word);
	return 0;
}

void pipe_attr_done(struct pipe_attr *a)
{
	buf_done(&a->eol);
}

int pipe_attr_parse(char **words, const struct command_owner *owner, struct pipe_attr *ret,
	struct why *why)
{
	struct pipe_attr a = { .eol = BUF(BUF_SMALL), .null_sender = STR("MAILER-DAEMON") };
	struct parser p = { .owner = owner, .attr = &a };
	int e = 0;

	buf_putc(&a.eol, '\n');
	for (; e == 0 && *words != NULL && a.argv == NULL; words++) {
		if (!str_starts(str_of(*words), STR("argv="))) {
			e = parse_word(&p, *words, why);
			continue;
		}
		/* The last attribute: what follows are arguments. */
		*words += sizeof("argv=") - 1;
		a.argv = words;
	}
	if (e == 0 && !p.has_user)
		e = why_set(why, -EINVAL, "missing user= command-line attribute");
	if (e == 0 && a.argv == NULL)
		e = why_set(why, -EINVAL, "missing argv= command-line attribute");
	if (e < 0)
		pipe_attr_done(&a);
	else
		*ret = a;
	return e;
}
