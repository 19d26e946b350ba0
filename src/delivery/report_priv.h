/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report_priv.h — inside of report_conf, for report*.c.
 */
#pragma once

#include "delivery/report.h"
#include "ipc/client.h"
#include "table/match.h"

struct report_conf {
	struct report_settings s;
	struct ipc_client *bounce, *defer, *trace, *flush, *verify;
	struct tables filter;
	struct match_list *flush_domains;
};

/**
 * Apply the delivery status filter.
 *
 * @param d     status and reason may be replaced, strings then live in `text`
 * @param text  storage
 */
void report_filter(const struct report_conf *c, struct dsn *d, struct buf *text);
