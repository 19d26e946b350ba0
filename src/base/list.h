/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/list.h — intrusive doubly linked list with a head.
 */
#pragma once

#include "base/macros.h"

struct list {
	struct list *prev;
	struct list *next;
};

/** Make an empty list head, or an unlinked node. */
static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/** Insert `n` before `at`: with a head, at the tail. */
static inline void list_insert(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

/** Append to a head. */
static inline void list_push(struct list *head, struct list *n)
{
	list_insert(head, n);
}

/** Prepend to a head. */
static inline void list_push_front(struct list *head, struct list *n)
{
	list_insert(head->next, n);
}

/** Unlink; the node may be unlinked again without harm. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(node, type, member) container_of(node, type, member)

/** Iterate; the body must not unlink. */
#define LIST_FOREACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/** Iterate; the body may unlink `it`. */
#define LIST_FOREACH_SAFE(it, head)                                               \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
		it = it##_next, it##_next = it->next)
