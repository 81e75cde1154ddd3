// SPDX-License-Identifier: Apache-2.0
// Published ports: elements of the maps of nftables, a few hundred a message. The operation has room for
// ports that come while the container runs: a place is filled before the kernel is asked and freed after, as
// with all that the plan has.
#include "plan/publish.h"

#include "kernel/nft.h"
#include "plan/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define AT_ONCE 64

static struct nft_table table_of(const struct plan_block *block, const struct plan_op *op) {
    return (struct nft_table){.name = plan_text(block, op->publish.table)};
}

static struct plan_port *places(struct plan_block *block, const struct plan_op *op, size_t *ret_count) {
    *ret_count = op->publish.ports.size / sizeof(struct plan_port);
    return (struct plan_port *)plan_data(block, op->publish.ports);
}

static struct nft_port one_of(const struct plan_port *ports, uint32_t index) {
    struct nft_port port = {.family = ports->family,
                            .protocol = ports->protocol,
                            .host_port = (uint16_t)(ports->host_port + index),
                            .port = (uint16_t)(ports->port + index),
                            .respect = ports->respect};
    memcpy(port.host, ports->host, sizeof port.host);
    memcpy(port.address, ports->address, sizeof port.address);
    return port;
}

// All of a run, in as many messages as it takes, each of which the kernel does whole or not. ret_done: how
// many ports that were.
static int add_run(const struct nft_table *table, const struct plan_port *ports, uint32_t *ret_done) {
    struct nft_port some[AT_ONCE];
    int r = 0;
    *ret_done = 0;
    while (!r && *ret_done < ports->count) {
        size_t count = 0;
        while (count < AT_ONCE && *ret_done + count < ports->count) {
            some[count] = one_of(ports, *ret_done + (uint32_t)count);
            count++;
        }
        r = nft_ports_add(table, some, count);
        if (!r) *ret_done += (uint32_t)count;
    }
    return r;
}

// Those of many runs in one message: the kernel waits for all of its processors after each that removes
// something. What is not there any more is no failure, and none stays for another that fails.
static int remove_runs(const struct nft_table *table, const struct plan_port *ports, size_t run_count) {
    struct nft_port some[AT_ONCE];
    size_t count = 0;
    int first = 0;
    for (size_t run = 0; run < run_count; run++)
        for (uint32_t i = 0; i < ports[run].count; i++) {
            some[count++] = one_of(&ports[run], i);
            if (count < AT_ONCE) continue;
            int r = nft_ports_remove(table, some, count);
            if (!first) first = r;
            count = 0;
        }
    int r = count ? nft_ports_remove(table, some, count) : 0;
    return first ? first : r;
}

static int remove_run(const struct nft_table *table, const struct plan_port *ports) {
    return remove_runs(table, ports, 1);
}

// After a failure the operation has only what is there: the rest may be somebody else's. A table that
// somebody took away just now comes back with all ports that have rows, ours too, by whoever looks at it next
// (the shim sees to that).
int plan_do_publish(struct plan_run *run, struct plan_op *op) {
    size_t count;
    struct plan_port *ports = places(run->block, op, &count);
    struct nft_table table = table_of(run->block, op);
    int r = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t done = 0;
        if (!r) r = add_run(&table, &ports[i], &done);
        if (r == -ENOENT) {
            op->publish.flushed = 1;
            return 0;
        }
        ports[i].count = done;
    }
    return r;
}

// Closed before it is looked at: who adds one now finds that out, and takes it away again.
int plan_undo_publish(struct plan_block *block, struct plan_op *op) {
    size_t count;
    __atomic_store_n(&op->publish.closed, 1, __ATOMIC_SEQ_CST);
    const struct plan_port *ports = places(block, op, &count);
    struct nft_table table = table_of(block, op);
    return remove_runs(&table, ports, count);
}

// Ports that come later

static void free_place(struct plan_port *place) {
    __atomic_store_n(&place->count, 0, __ATOMIC_SEQ_CST);
}

static void fill_place(struct plan_port *place, const struct plan_port *ports) {
    struct plan_port filled = *ports;
    filled.count = 0;
    *place = filled;
    __atomic_store_n(&place->count, ports->count, __ATOMIC_SEQ_CST);
}

int plan_publish_add(struct plan_block *block, const struct plan_port *ports) {
    struct plan_op *op = plan_find(block, PLAN_PUBLISH);
    size_t count = 0, i = 0;
    struct plan_port *place = op ? places(block, op, &count) : NULL;
    while (i < count && place[i].count) i++;
    if (i == count) return -ENOSPC;
    struct nft_table table = table_of(block, op);
    struct plan_port done = *ports;
    fill_place(&place[i], ports);
    int r = add_run(&table, ports, &done.count);
    if (!r && __atomic_load_n(&op->publish.closed, __ATOMIC_SEQ_CST)) r = -ESRCH;
    if (!r) return 0;
    (void)remove_run(&table, &done);
    free_place(&place[i]);
    return r;
}

// NULL when it is not there; else with the table that its rules are in.
static struct plan_port *find_run(struct plan_block *block, const struct plan_port *ports,
                                  struct nft_table *ret_table) {
    struct plan_op *op = plan_find(block, PLAN_PUBLISH);
    size_t count = 0;
    struct plan_port *place = op ? places(block, op, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct plan_port *p = &place[i];
        if (p->count == ports->count && p->family == ports->family && p->protocol == ports->protocol &&
            p->host_port == ports->host_port && !memcmp(p->host, ports->host, sizeof p->host)) {
            *ret_table = table_of(block, op);
            return &place[i];
        }
    }
    return NULL;
}

int plan_publish_remove(struct plan_block *block, const struct plan_port *ports) {
    struct nft_table table;
    struct plan_port *place = find_run(block, ports, &table);
    if (!place) return -ENOENT;
    int r = remove_run(&table, place);
    if (!r) free_place(place);
    return r;
}

int plan_publish_set_respect(struct plan_block *block, const struct plan_port *ports) {
    struct nft_table table;
    struct plan_port *place = find_run(block, ports, &table);
    if (!place) return -ENOENT;
    struct nft_port some[AT_ONCE];
    for (uint32_t done = 0; done < place->count;) {
        size_t count = 0;
        while (count < AT_ONCE && done < place->count) some[count++] = one_of(place, done++);
        int r = nft_ports_set_respect(&table, some, count, ports->respect);
        if (r) return r;
    }
    place->respect = ports->respect;
    return 0;
}

// Words

static void add_end(struct str *text, uint8_t family, const uint8_t *bytes, uint16_t first, uint32_t count) {
    char name[INET6_ADDRSTRLEN];
    inet_ntop(family, bytes, name, sizeof name);
    str_printf(text, family == AF_INET6 ? "[%s]:%u" : "%s:%u", name, first);
    if (count > 1) str_printf(text, "-%u", first + count - 1);
}

void plan_port_words(const struct plan_port *ports, struct str *text) {
    add_end(text, ports->family, ports->host, ports->host_port, ports->count);
    str_add(text, " to ");
    add_end(text, ports->family, ports->address, ports->port, ports->count);
    str_printf(text, "/%s",
               ports->protocol == IPPROTO_UDP    ? "udp"
               : ports->protocol == IPPROTO_SCTP ? "sctp"
                                                 : "tcp");
}
