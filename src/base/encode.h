/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/encode.h — base64, hexadecimal, xtext and uxtext, strict in decoding.
 */
#pragma once

#include "base/buf.h"

/** Append base64 of s (RFC 4648 section 4, padded, no line breaks): 0 or -EMSGSIZE. */
_must_use_ int base64_encode(struct buf *b, struct str s);
/** Append what padded base64 text stands for: 0, -EINVAL on any other byte, or -EMSGSIZE. */
_must_use_ int base64_decode(struct buf *b, struct str s);
/** Append xtext of s (RFC 3461 section 4): 0 or -EMSGSIZE. */
_must_use_ int xtext_encode(struct buf *b, struct str s);
/** Append what xtext stands for: 0, -EINVAL on bad escapes, or -EMSGSIZE. */
_must_use_ int xtext_decode(struct buf *b, struct str s);
/** Append utf-8-addr-unitext for an address (RFC 6533 3): 0, -EILSEQ not UTF-8, or -EMSGSIZE. */
_must_use_ int uxtext_encode(struct buf *b, struct str s);
/** Append what utf-8-addr-xtext or -unitext stands for: 0, -EINVAL, or -EMSGSIZE. */
_must_use_ int uxtext_decode(struct buf *b, struct str s);
/** Append upper-case hexadecimal digits: 0 or -EMSGSIZE. */
_must_use_ int hex_encode(struct buf *b, struct str s);
