/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf.h — configuration as programs see it: a registry of parameters, main.cf plus overrides,
 * and typed values with range checks.
 *
 * A `struct conf` is immutable after conf_load() and the calls to conf_override() and conf_fill() that
 * follow it; then values may be asked for from any thread. Only service/, daemons and commands use this folder.
 */
#pragma once

#include "base/clock.h"
#include "base/strv.h"
#include "base/why.h"

/** Type of a parameter, as in the documentation. nint/nbool: values may hold $names. raw: no expansion. */
enum conf_type {
	CONF_STR,
	CONF_RAW,
	CONF_INT,
	CONF_NINT,
	CONF_LONG,
	CONF_BOOL,
	CONF_NBOOL,
	CONF_TIME,
};

/** One parameter of the registry (src/conf/params.def says what is in it). */
struct conf_param {
	const char *name;
	enum conf_type type;
	const char *def;     /* default as text, may hold $names */
	int64_t min;         /* ints: value; times: seconds; strings: length */
	int64_t max;         /* 0: none */
	char unit;           /* default unit of a time: s m h d w; 0 otherwise */
	const char *since;   /* "2.1", "" unknown; "postroad" for our own */
	const char *used_by; /* comma separated program names */
	bool heeded;         /* some program of ours acts on it */
	const char *about;   /* one line */
};

/**
 * The registry entry, or NULL. For <service>_destination_... and the like it is the entry of the
 * pattern, whose name begins with "transport_" (whether the service exists is not looked at).
 */
const struct conf_param *conf_param_find(struct str name);
/** All entries but patterns in order of name: array of `*ret_n`. */
const struct conf_param *conf_params(size_t *ret_n);
/** The patterns, named transport_...: array of `*ret_n`. */
const struct conf_param *conf_params_transport(size_t *ret_n);
/** The pattern that a name follows, or NULL; *ret_service (may be NULL) is the part before it. */
const struct conf_param *conf_param_of_transport(struct str name, struct str *ret_service);

/** Names with a past (src/conf/params_old.def). */
struct conf_old {
	const char *name;
	enum {
		CONF_OLD_DEPRECATED, /* works, will go */
		CONF_OLD_LEGACY,     /* works as part of its successor's default, will go */
		CONF_OLD_REMOVED,    /* does nothing */
	} kind;
	const char *since;  /* release that deprecated or removed it */
	const char *advice; /* what to do, a clause that ends a warning */
};
/** The entry of a deprecated, legacy or removed name, or NULL. */
const struct conf_old *conf_old_find(struct str name);

/** The known name that is nearest to a misspelt one, or NULL when none is near. */
const char *conf_param_nearest(struct str name);

struct conf;

/**
 * Read main.cf.
 *
 * @param dir      configuration directory (main.cf inside); the name is also $config_directory
 * @param n        receives warnings ("overriding earlier entry", ...)
 * @param ret      free with conf_free()
 * @return 0; -ENOENT and other errno from open; -EINVAL syntax, with file and line in why
 */
_must_use_ int conf_load(const char *dir, const struct notes *n, struct conf **ret,
	struct why *why);
/** A configuration with nothing but defaults. */
_alloc_ struct conf *conf_new(const char *dir);
void conf_free(struct conf *c);
DEFINE_CLEANUP(struct conf *, conf_free);
/** The configuration directory that was given. */
const char *conf_dir(const struct conf *c);
/** -o name=value: 0; -EINVAL when there is no '=' or no name. */
_must_use_ int conf_override(struct conf *c, struct str setting, struct why *why);
/** Say in errors where the -o settings come from; otherwise it is "set with -o". */
void conf_override_origin(struct conf *c, const char *text);
/** The raw setting from main.cf or -o, borrowed; NULL when the default is in force. */
const char *conf_setting(const struct conf *c, const char *name);
/**
 * The text in force before expansion: setting or default, computed ones included.
 *
 * @param name   any parameter
 * @param ret    the text is appended
 * @return 1; 0 no such parameter or setting; -EINVAL a computed default cannot be found, with why
 */
_must_use_ int conf_unexpanded(const struct conf *c, struct str name, struct buf *ret,
	struct why *why);
/** Iterate over what main.cf and -o set: false at the end; `pos` starts at 0. */
bool conf_settings_next(const struct conf *c, size_t *pos, const char **ret_name,
	const char **ret_value);

/**
 * Value of a parameter with all $names expanded.
 *
 * Expansion errors and unknown names of parameters in conditional forms follow postconf(5).
 * @return 0 with text appended; -EINVAL syntax or loop, with why
 */
_must_use_ int conf_expand(const struct conf *c, const char *name, struct buf *ret,
	struct why *why);
/** Expand any text in the context of a configuration: 0 or -EINVAL. */
_must_use_ int conf_expand_text(const struct conf *c, struct str text, struct buf *ret,
	struct why *why);
/** String value: expanded (raw: as it is); heap, caller frees; -EINVAL with why when not valid. */
_must_use_ int conf_str(const struct conf *c, const char *name, char **ret, struct why *why);
/** Integer (int, nint, long) in range: 0, -EINVAL not a number, -ERANGE. */
_must_use_ int conf_int(const struct conf *c, const char *name, int64_t *ret, struct why *why);
/** Boolean (yes/no, any case): 0 or -EINVAL. */
_must_use_ int conf_bool(const struct conf *c, const char *name, bool *ret, struct why *why);
/** Time as usec_t: 0, -EINVAL, -ERANGE. */
_must_use_ int conf_time(const struct conf *c, const char *name, usec_t *ret, struct why *why);
/** Time from text with a default unit ("5d", "300"): 0, -EINVAL, -ERANGE. */
_must_use_ int conf_time_parse(struct str text, char unit, usec_t *ret);
/** True when compatibility_level is at least `level` ("3.6"). */
bool conf_compat_at_least(const struct conf *c, const char *level);
/** Is compatibility_level well-formed? 0; -EINVAL with why. conf_fill() asks this too. */
_must_use_ int conf_compat_check(const struct conf *c, struct why *why);

/*
 * Parameter tables. A daemon keeps its parameters in one structure whose fields bear the names of
 * the parameters; a table binds them:
 *
 *   static const struct conf_var vars[] = {
 *           CV_STR(struct smtpd_conf, smtpd_banner),
 *           CV_INT(struct smtpd_conf, smtpd_recipient_limit),
 *           CV_TIME(struct smtpd_conf, smtpd_timeout),
 *           CV_BOOL(struct smtpd_conf, smtpd_helo_required),
 *           CV_END,
 *   };
 *
 * Field types: const char *, int64_t, usec_t, bool. Type, default and range come from the registry;
 * conf_fill() check()s that the registry agrees with the table. tests/lint checks that a parameter
 * is marked heeded exactly when some table (or a direct conf_* call) names it.
 */
enum conf_bind {
	CONF_BIND_STR,
	CONF_BIND_INT,
	CONF_BIND_TIME,
	CONF_BIND_BOOL,
};

struct conf_var {
	const char *name;
	enum conf_bind bind;
	size_t offset;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a field name cannot stand in parentheses */
#define CV_(type, field, want, b)                                                        \
	{                                                                                \
#		field, b,                                                               \
			offsetof(type, field) +                                          \
				0 * sizeof(char[_Generic(((type *)0)->field, want : 1)]) \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
#define CV_STR(type, field)  CV_(type, field, const char *, CONF_BIND_STR)
#define CV_INT(type, field)  CV_(type, field, int64_t, CONF_BIND_INT)
#define CV_TIME(type, field) CV_(type, field, usec_t, CONF_BIND_TIME)
#define CV_BOOL(type, field) CV_(type, field, bool, CONF_BIND_BOOL)
#define CV_END                         \
	{                              \
		NULL, CONF_BIND_STR, 0 \
	}

/**
 * Fill a structure from a table.
 *
 * Strings belong to the conf and live as long as it does.
 * @return 0; -EINVAL or -ERANGE with a why that names parameter, value, file and remedy
 */
_must_use_ int conf_fill(struct conf *c, const struct conf_var *vars, void *base, struct why *why);

/**
 * Warn about settings that no program of ours heeds yet, about unknown names (with the nearest
 * known one) and about removed ones, in main.cf and -o of master.cf.
 */
void conf_warn_unheeded(const struct conf *c, const struct notes *n);
