/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/cursor.h — bounded forward parsing.
 *
 * A cursor walks over bytes that it does not own. Every function either consumes and returns true,
 * or leaves the cursor where it was and returns false.
 */
#pragma once

#include "base/str.h"

struct cursor {
	const char *p;
	const char *end;
};

/** A predicate over one byte. */
typedef bool (*cur_class_fn)(unsigned char c);

/** A cursor over s. */
static inline struct cursor cur_of(struct str s)
{
	return (struct cursor){ s.ptr, s.ptr + s.len };
}

/** What is left. */
static inline struct str cur_rest(const struct cursor *c)
{
	return (struct str){ c->p, (size_t)(c->end - c->p) };
}

static inline bool cur_at_end(const struct cursor *c)
{
	return c->p == c->end;
}

/** The next byte, or -1 at the end. */
static inline int cur_peek(const struct cursor *c)
{
	return c->p == c->end ? -1 : (unsigned char)*c->p;
}

/** Consume `ch`. */
bool cur_char(struct cursor *c, char ch);
/** Consume exactly these bytes. */
bool cur_lit(struct cursor *c, struct str lit);
/** Consume these bytes without regard to ASCII case. */
bool cur_ilit(struct cursor *c, struct str lit);
/** Skip white space; returns how many bytes. */
size_t cur_skip_ws(struct cursor *c);
/** Consume 1 to `max` bytes of a class; false when there is none or there are more. */
bool cur_token(struct cursor *c, cur_class_fn cls, size_t max, struct str *ret);
/** Consume up to, not including, `ch`; false when ch does not come within `max` bytes. */
bool cur_until(struct cursor *c, char ch, size_t max, struct str *ret);
/** Consume a decimal number not above `max`; false on none or overflow. */
bool cur_u64(struct cursor *c, uint64_t max, uint64_t *ret);
