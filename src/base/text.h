/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/text.h — UTF-8 and making bytes fit to show.
 */
#pragma once

#include "base/buf.h"

/** True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). */
bool utf8_is_valid(struct str s);
/**
 * Append s with each byte that should not be shown replaced by '?'.
 *
 * Control characters are replaced; bytes above 0x7f too unless `utf8` and they form valid UTF-8.
 * Appends at most what the limit of b allows.
 */
void text_printable(struct buf *b, struct str s, bool utf8);
/** In-place form for a NUL-terminated string. */
void text_printable_cstr(char *s, bool utf8);
/** Append s with C-style escapes (\r \n \t \\ \ooo) for what is not printable ASCII. */
void text_escape(struct buf *b, struct str s);
/** Append s in ASCII lower case: 0 or -EMSGSIZE. */
_must_use_ int text_lower(struct buf *b, struct str s);
