/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/report_settings.h — struct report_settings of src/delivery, filled from a configuration.
 */
#pragma once

#include "conf/conf.h"
#include "delivery/report.h"

/** The settings and what they point to; lives as long as the report_conf. */
struct report_params {
	struct report_settings s;
	struct table_settings tables;
	char *paths[5];
	char *filter;
};

/**
 * Fill `ret`, which must stay where it is, and make a report_conf of it.
 *
 * @param c         the configuration; some strings belong to it
 * @param agent     prefix of <agent>_delivery_status_filter ("smtp", "local", ...), or NULL: the
 *                  default one
 * @param n         receives the delivery lines; usually &log_notes
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int report_params_open(struct conf *c, const char *agent, const struct notes *n,
	struct report_params *ret, struct report_conf **ret_conf, struct why *why);
/** Free what report_params_open() allocated, after report_conf_free(). */
void report_params_done(struct report_params *p);
