/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/known_ports.c — see known_ports.h.
 */
#include "service/known_ports.h"

struct str known_port(struct str known, struct str name)
{
	struct str entry;

	while (str_word(&known, ", \t\r\n", &entry)) {
		ptrdiff_t last = str_rchr(entry, '=');
		struct str names, one;

		if (last < 0)
			continue;
		names = str_head(entry, (size_t)last);
		while (str_word(&names, "=", &one))
			if (str_ieq(one, name))
				return str_skip(entry, (size_t)last + 1);
	}
	return name;
}
