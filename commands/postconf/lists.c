/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.c — what this build supports: table types, lock methods, login plug-ins, TLS.
 */
#include <stdio.h>

#include "postconf.h"

#include "table/table.h"

int show_list(const struct request *req)
{
	switch (req->object) {
	case 'l':
		puts("flock\nfcntl\ndotlock");
		return 0;
	case 'm':
		for (const char *const *t = table_types(); *t != NULL; t++)
			puts(*t);
		return 0;
	case 'a':
	case 'A':
	case 'T':
		/* Built without login plug-ins and without TLS: as documented, nothing to list. */
		return 0;
	default:
		return 1;
	}
}
