/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.c — clients by the process that counted them; see peers.h.
 */
#include "peers.h"

#include "base/mem.h"

/* One process; the map holds an int for each client that is connected. */
struct peer {
	size_t connections;
	struct map *clients;
};

static void peer_free(void *v)
{
	struct peer *p = v;

	map_free(p->clients);
	free(p);
}

static struct str key_of(const pid_t *pid)
{
	return str_from((const char *)pid, sizeof *pid);
}

void peers_init(struct anvil_peers *p)
{
	p->processes = map_new(peer_free);
}

void peers_done(struct anvil_peers *p)
{
	map_free(p->processes);
	p->processes = NULL;
}

void peers_open(struct anvil_peers *p, pid_t pid)
{
	struct peer *peer = map_get(p->processes, key_of(&pid));

	if (peer == NULL) {
		peer = mem_new(struct peer);
		peer->clients = map_new(free);
		map_set(p->processes, key_of(&pid), peer);
	}
	peer->connections++;
}

void peers_connect(struct anvil_peers *p, pid_t pid, struct str ident)
{
	struct peer *peer = map_get(p->processes, key_of(&pid));
	int *count;

	check(peer != NULL);
	count = map_get(peer->clients, ident);
	if (count == NULL) {
		count = mem_new(int);
		map_set(peer->clients, ident, count);
	}
	++*count;
}

void peers_disconnect(struct anvil_peers *p, pid_t pid, struct str ident)
{
	const struct peer *peer = map_get(p->processes, key_of(&pid));
	int *count = peer == NULL ? NULL : map_get(peer->clients, ident);

	if (count != NULL && --*count == 0)
		(void)map_remove(peer->clients, ident);
}

void peers_close(struct anvil_peers *p, pid_t pid, void (*undo)(void *ctx, struct str ident),
	void *ctx)
{
	struct peer *peer = map_get(p->processes, key_of(&pid));
	struct map_iter it = { 0 };
	struct str ident;
	void *count;

	check(peer != NULL);
	if (--peer->connections > 0)
		return;
	while (map_next(peer->clients, &it, &ident, &count))
		for (int i = 0; i < *(int *)count; i++)
			undo(ctx, ident);
	(void)map_remove(p->processes, key_of(&pid));
}
