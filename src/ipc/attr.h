/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/attr.h — lists of named attributes, the language of the internal services.
 *
 * Three encodings: NUL ("name\0value\0 ... \0", nearly everywhere), base64 and plain ("name=value\n",
 * anvil and policy servers). Writing appends to a buffer (sans I/O); the caller sends the buffer with
 * one write. Reading takes one whole list from a stream into an arena, bounded, and then looks at
 * attributes in order, as the documented receivers do: attr_str() moves forward to the next
 * attribute of that name and skips unknown ones, so that a name which occurs twice is read twice.
 *
 * Integers travel as unsigned decimal: -1 as 4294967295 (int) or 18446744073709551615 (long); readers
 * accept "-1" too. Source: Postfix's internal protocols as documented by observation.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/stream.h"

enum attr_enc {
	ATTR_NUL,
	ATTR_BASE64,
	ATTR_PLAIN,
};

/** Append one string attribute: 0; -EMSGSIZE at the limit of b; -EINVAL a byte the encoding lacks. */
_must_use_ int attr_put_str(struct buf *b, enum attr_enc enc, const char *name, struct str value);
/** Append a 32-bit integer (negative ones as unsigned). */
_must_use_ int attr_put_int(struct buf *b, enum attr_enc enc, const char *name, int value);
/** Append a 64-bit integer (negative ones as unsigned). */
_must_use_ int attr_put_long(struct buf *b, enum attr_enc enc, const char *name, int64_t value);
/** Append binary data (base64 text as value). */
_must_use_ int attr_put_data(struct buf *b, enum attr_enc enc, const char *name, struct str value);
/** End the list. */
_must_use_ int attr_put_end(struct buf *b, enum attr_enc enc);
/** A whole greeting list: protocol=<name>. */
_must_use_ int attr_put_greeting(struct buf *b, enum attr_enc enc, const char *protocol);

/** One received list. */
struct attr_list {
	struct attr {
		struct str name;
		struct str value;
	} * v;
	size_t n;
	size_t pos; /* where the next search starts */
	enum attr_enc enc;
};

/** A list has at most this many attributes. */
#define ATTR_MAX 4096

/**
 * Read one list.
 *
 * @param enc     how the service encodes
 * @param limit   most bytes of the whole list
 * @param a       owns names and values
 * @return 0; -ENODATA end of file before the first byte; -EBADMSG malformed; -EMSGSIZE over limit or
 *         ATTR_MAX; other negative errno of the stream
 */
_must_use_ int attr_list_read(struct stream *s, enum attr_enc enc, size_t limit, struct arena *a,
	struct attr_list *ret);
/** Next attribute `name` at or after pos: 0 or -ENOENT (pos unchanged). */
_must_use_ int attr_str(struct attr_list *l, const char *name, struct str *ret);
/** As attr_str for a 32-bit integer: also -EBADMSG. */
_must_use_ int attr_int(struct attr_list *l, const char *name, int *ret);
/** As attr_str for a 64-bit integer: also -EBADMSG. */
_must_use_ int attr_long(struct attr_list *l, const char *name, int64_t *ret);
/** As attr_str for base64 data: also -EBADMSG; decoded into the arena, -EMSGSIZE when it is full. */
_must_use_ int attr_data(struct attr_list *l, const char *name, struct arena *a, struct str *ret);
/** Read a greeting list strictly: 0, -EPROTO when it is another, or the stream's error. */
_must_use_ int attr_expect_greeting(struct stream *s, enum attr_enc enc, const char *protocol);
