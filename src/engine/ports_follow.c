// SPDX-License-Identifier: Apache-2.0
// Published ports of a container that comes to a network or leaves one. The ports of the host stay the same,
// and so do the sockets that hold them: rules and rows get another address. Only those that the kernel hands
// on from now on, and hoy-proxy did before, or the other way round, are taken anew.
//
// The rows change last. A kill in between leaves a network that is pending, and the next command does all of
// this once more. Ports that come anew are pending until they are complete, as those of an update.
#include "engine/ports.h"

#include "engine/firewall.h"
#include "engine/network_restore.h"
#include "engine/ports_target.h"
#include "kernel/link_settings.h"
#include "plan/publish.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

struct follow {
    struct engine *engine;
    struct arena *arena;
    const struct container *container;
    struct plan_block *plan;
    bool has_target;
    struct port_target target;
    struct port_runs before, after; // of those that stay, one for one
    struct port_runs gone;
    struct port_bindings wanted; // that come
    struct port_claim claim;
};

static void follow_finish(struct follow *f) {
    ports_claim_finish(&f->claim);
    plan_unmap(f->plan);
}

static int fail(const struct follow *f, int r, struct err *err) {
    return ports_refuse(f->container, r, "move published ports", err);
}

// What is to be done

static const char *address_for(const struct port_target *target, const struct port_run *run) {
    const char *own = run->family == AF_INET ? target->v4 : target->v6,
               *other = run->family == AF_INET ? target->v6 : target->v4;
    return *own || run->protocol == IPPROTO_SCTP ? own : other;
}

static struct port_binding binding_of(struct arena *arena, const struct port_run *run) {
    bool all4 = str_eq(run->host, "0.0.0.0");
    return (struct port_binding){.protocol = run->protocol,
                                 .port = run->port,
                                 .count = (uint16_t)run->count,
                                 .host = all4 ? "0.0.0.0" : arena_strdup(arena, run->host),
                                 .host_port = run->host_port,
                                 .host_count = (uint16_t)run->count};
}

static void sort_out(struct follow *f, const struct port_run *run) {
    struct port_run moved = *run;
    snprintf(moved.address, sizeof moved.address, "%s", f->has_target ? address_for(&f->target, run) : "");
    bool stays = *moved.address && port_run_is_served(&moved) == port_run_is_served(run);
    if (stays) {
        *arena_push(f->arena, &f->before) = *run;
        *arena_push(f->arena, &f->after) = moved;
        return;
    }
    *arena_push(f->arena, &f->gone) = *run;
    if (*moved.address) *arena_push(f->arena, &f->wanted) = binding_of(f->arena, run);
}

static bool moves(const struct follow *f) {
    for (size_t i = 0; i < f->before.count; i++)
        if (!str_eq(f->before.items[i].address, f->after.items[i].address)) return true;
    return f->gone.count || f->wanted.count;
}

static int look(struct follow *f, const struct endpoints *endpoints, struct err *err) {
    struct port_runs runs;
    if (port_rows_load(f->engine->store.db, f->arena, f->container->id, false, &runs, err)) return -1;
    f->has_target = ports_target_of(endpoints, &f->target);
    for (size_t i = 0; i < runs.count; i++) sort_out(f, &runs.items[i]);
    if (f->has_target && !runs.count) f->wanted = ports_wanted(f->arena, &f->container->config);
    return 0;
}

// Doing it

static int leave_kernel(struct follow *f, const struct port_runs *runs) {
    for (size_t i = 0; i < runs->count; i++) {
        struct plan_port port = port_run_plan(&runs->items[i]);
        int r = port.count ? plan_publish_remove(f->plan, &port) : 0;
        if (r && r != -ENOENT) return r;
    }
    return 0;
}

static int enter_kernel(struct follow *f, const struct port_runs *runs) {
    int r = runs->count ? link_set_hairpin(f->target.link) : 0;
    for (size_t i = 0; !r && i < runs->count; i++) {
        struct plan_port port = port_run_plan(&runs->items[i]);
        if (port.count) r = ports_publish(f->engine, f->plan, &port);
    }
    return r;
}

// Where somebody has made all rules anew meanwhile, of the rows, ports lead where they did.
static int enter_moved(struct follow *f) {
    static const struct port_runs none;
    struct err ignored;
    int r = enter_kernel(f, &f->after);
    for (int i = 0; r == -EEXIST && i < PORTS_ATTEMPTS; i++) {
        if ((r = leave_kernel(f, &f->after))) return r;
        (void)port_rows_assert(f->engine->store.db, &none, &f->before, &ignored);
        r = enter_kernel(f, &f->after);
    }
    return r;
}

static int store_moved(struct follow *f, struct err *err) {
    struct db *db = f->engine->store.db;
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    for (size_t i = 0; i < f->after.count; i++)
        if (port_row_set_address(db, f->container->id, &f->after.items[i], err)) return -1;
    for (size_t i = 0; i < f->gone.count; i++)
        if (port_row_set_pending(db, f->container->id, &f->gone.items[i], true, err)) return -1;
    if (port_rows_drop_pending(db, f->container->id, err) || db_commit(db, err)) return -1;
    return 0;
}

static int move(struct follow *f, struct err *err) {
    _cleanup_(port_hold_finish) struct port_hold hold = PORT_HOLD_NONE;
    struct ports_bag bag = {.engine = f->engine,
                            .container_id = f->container->id,
                            .plan = f->plan,
                            .without = &f->gone,
                            .target = &f->target};
    int r = leave_kernel(f, &f->before);
    if (!r) r = leave_kernel(f, &f->gone);
    if (!r) r = port_hold_begin(&hold);
    if (!r) r = ports_bag_change(&bag, &hold);
    if (!r) r = enter_moved(f);
    if (r) return fail(f, r, err);
    return store_moved(f, err) ? -1 : port_rows_assert(f->engine->store.db, &f->after, &f->gone, err);
}

static int store_come(struct follow *f, struct err *err) {
    struct db *db = f->engine->store.db;
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    for (size_t i = 0; i < f->claim.runs.count; i++)
        if (port_row_set_pending(db, f->container->id, &f->claim.runs.items[i], false, err)) return -1;
    return db_commit(db, err);
}

static int come(struct follow *f, struct err *err) {
    static const struct port_runs none;
    struct err ignored;
    struct ports_bag bag = {
        .engine = f->engine, .container_id = f->container->id, .plan = f->plan, .without = &none};
    f->claim = (struct port_claim){.engine = f->engine,
                                   .arena = f->arena,
                                   .container = f->container,
                                   .target = f->target,
                                   .pending = true,
                                   .hold = PORT_HOLD_NONE};
    int r = firewall_respects(&f->container->config, &f->claim.respect, err) ||
            ports_claim(&f->claim, &f->wanted, err) || ports_open_gate(f->engine, &f->claim.runs, err);
    int failure = 0;
    if (!r) failure = ports_bag_change(&bag, &f->claim.hold);
    if (!r && !failure) failure = enter_kernel(f, &f->claim.runs);
    if (failure) r = fail(f, failure, err);
    if (!r && !store_come(f, err)) return port_rows_assert(f->engine->store.db, &f->claim.runs, &none, err);
    (void)leave_kernel(f, &f->claim.runs);
    (void)port_rows_drop_pending(f->engine->store.db, f->container->id, &ignored);
    return -1;
}

int ports_follow(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct endpoints *endpoints, bool again, struct err *err) {
    _cleanup_(follow_finish) struct follow f = {
        .engine = engine, .arena = arena, .container = container, .claim = {.hold = PORT_HOLD_NONE}};
    if (look(&f, endpoints, err)) return -1;
    if (!moves(&f) && !(again && f.before.count)) return 0;
    if (plan_open(engine, container->id, &f.plan, err)) return -1;
    if ((f.before.count || f.gone.count) && move(&f, err)) return -1;
    return f.wanted.count ? come(&f, err) : 0;
}
