// SPDX-License-Identifier: Apache-2.0
// port: what of the host's ports leads to a container.
#include "cli/cli.h"
#include "cli/words.h"
#include "engine/config_ports.h"

#include <stdio.h>
#include <string.h>

static int find_one(struct arena *arena, const struct port_runs *runs, const char *text, const char *name,
                    struct err *err) {
    uint16_t port;
    uint8_t protocol;
    bool any = false;
    if (port_parse(text, &port, &protocol))
        return err_set(err, ERR_INVALID, 0, "invalid port (%s): it is PORT[/PROTOCOL]", text);
    for (size_t i = 0; i < runs->count; i++) {
        const struct port_run *run = &runs->items[i];
        if (!port_run_has(run, protocol, port)) continue;
        puts(words_host_port(arena, run->host, run->host_port + port - (unsigned)run->port));
        any = true;
    }
    if (any) return 0;
    return err_set(err, ERR_NOT_FOUND, 0, "No public port '%u/%s' published for %s", port,
                   port_protocol_name(protocol), name);
}

// By port, and then as the database has them; ranges beside each other are of the same length.
static void list_all(struct arena *arena, const struct port_runs *runs) {
    size_t next;
    for (size_t i = 0; i < runs->count; i = next) {
        const struct port_run *first = &runs->items[i];
        for (next = i + 1; next < runs->count; next++) {
            const struct port_run *other = &runs->items[next];
            if (other->port != first->port || other->protocol != first->protocol ||
                other->count != first->count)
                break;
        }
        for (uint32_t k = 0; k < first->count; k++)
            for (size_t n = i; n < next; n++)
                printf("%u/%s -> %s\n", first->port + k, port_protocol_name(first->protocol),
                       words_host_port(arena, runs->items[n].host, runs->items[n].host_port + k));
    }
}

int run_port(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct strings *words = &invocation->arguments;
    struct arena *arena = &invocation->arena;
    struct container container;
    struct port_runs runs;
    if (container_find(engine, arena, words->items[0], &container, err) ||
        container_ports(engine, arena, &container, &runs, err))
        return -1;
    if (words->count > 1) return find_one(arena, &runs, words->items[1], words->items[0], err);
    list_all(arena, &runs);
    return 0;
}
