/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/level.c — compatibility levels.
 */
#include "conf/level.h"

#include <errno.h>

#include "base/cursor.h"

/** Largest number of a part; three parts fit into 64 bits. */
#define PART_MAX  1000000
#define PART_BITS 21

int conf_level_parse(struct str s, uint64_t *ret)
{
	struct cursor c = cur_of(str_trim(s));
	uint64_t level = 0, part;

	for (int i = 0; i < 3; i++) {
		part = 0;
		if (i == 0 || !cur_at_end(&c)) {
			if (i > 0 && !cur_char(&c, '.'))
				return -EINVAL;
			if (!cur_u64(&c, PART_MAX, &part))
				return -EINVAL;
		}
		level = (level << PART_BITS) | part;
	}
	if (!cur_at_end(&c))
		return -EINVAL;
	*ret = level;
	return 0;
}
