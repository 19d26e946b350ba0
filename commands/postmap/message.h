/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h — keys from an email message on standard input (-b, -h, -m).
 */
#pragma once

#include "service/table_tool.h"

/** Ask for each header (-h) and body line (-b): how many were found. Fatal on read errors. */
int postmap_message(const struct table_tool *t, struct table **tables, size_t n);
