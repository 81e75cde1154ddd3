// SPDX-License-Identifier: Apache-2.0
// Ports of a container that runs. What comes is on the host before the settings are stored, with rows that
// are pending; the transaction that stores the settings makes them final, and those of what goes pending. Who
// is killed in between leaves pending rows, and the next command takes away what they are for
// (ports_recover).
#include "engine/ports.h"

#include "engine/config_ports.h"
#include "engine/firewall.h"
#include "engine/network_restore.h"
#include "engine/pasta.h"
#include "engine/ports_target.h"
#include "kernel/link_settings.h"
#include "plan/publish.h"

#include <errno.h>

// The settings

static bool same_host(const char *a, const char *b) {
    return (!a && !b) || str_eq(a, b);
}

// Whether --publish-rm means it: by the container's ports, and by what else it says.
static bool means(const struct port_binding *said, const struct port_binding *binding) {
    if (said->protocol != binding->protocol || (said->host && !same_host(said->host, binding->host)))
        return false;
    if (said->host_port && said->host_port != binding->host_port) return false;
    return binding->port >= said->port && binding->port + binding->count <= said->port + said->count;
}

static bool means_part(const struct port_binding *said, const struct port_binding *binding) {
    return said->protocol == binding->protocol && binding->port < said->port + said->count &&
           said->port < binding->port + binding->count;
}

static bool goes(const struct ports_update *update, const struct port_binding *binding) {
    for (size_t i = 0; i < update->remove.count; i++)
        if (means(&update->remove.items[i], binding)) return true;
    return false;
}

static int check_removal(const struct ports_update *update, const struct port_binding *said,
                         const struct port_bindings *now, struct err *err) {
    const struct port_binding *part = NULL;
    const char *text = port_binding_text(update->arena, said);
    for (size_t i = 0; i < now->count; i++) {
        if (means(said, &now->items[i])) return 0;
        if (now->items[i].count > said->count && means_part(said, &now->items[i])) part = &now->items[i];
    }
    if (part)
        return err_set(err, ERR_INVALID, 0,
                       "--publish-rm %s: it is a part of %s, which can only go as a whole", text,
                       port_binding_text(update->arena, part));
    return err_set(err, ERR_NOT_FOUND, 0, "--publish-rm %s: no such port is published", text);
}

int ports_update_merge(const struct ports_update *update, struct container_config *config, struct err *err) {
    struct port_bindings now = config->ports, merged = {0};
    if (update->firewall) config->firewall = update->firewall;
    if (!update->add.count && !update->remove.count) return 0;
    if (str_eq(config->network_mode, "host") || str_eq(config->network_mode, "none") ||
        str_has_prefix(config->network_mode, "container:"))
        return err_set(err, ERR_INVALID, 0, "with network %s there are no ports to publish",
                       config->network_mode);
    for (size_t i = 0; i < update->remove.count; i++)
        if (check_removal(update, &update->remove.items[i], &now, err)) return -1;
    for (size_t i = 0; i < now.count; i++)
        if (!goes(update, &now.items[i])) *arena_push(update->arena, &merged) = now.items[i];
    for (size_t i = 0; i < update->add.count; i++) *arena_push(update->arena, &merged) = update->add.items[i];
    config->ports = merged;
    return 0;
}

// What a binding that goes has on the host.
static bool run_goes(const struct ports_update *update, const struct port_run *run) {
    const struct port_bindings *now = &update->container->config.ports;
    for (size_t i = 0; i < now->count; i++) {
        const struct port_binding *b = &now->items[i];
        bool all = str_eq(run->host, "0.0.0.0") || str_eq(run->host, "::");
        if (!goes(update, b) || b->protocol != run->protocol ||
            (b->host ? !str_eq(b->host, run->host) : !all))
            continue;
        bool fixed = b->host_port && b->host_count == b->count;
        if (fixed ? run->port == b->port && run->host_port == b->host_port
                  : port_binding_has(b, run->protocol, run->port))
            return true;
    }
    return false;
}

static int find_removed(struct ports_update *update, struct err *err) {
    struct port_runs runs;
    if (port_rows_load(update->engine->store.db, update->arena, update->container->id, false, &runs, err))
        return -1;
    for (size_t i = 0; i < runs.count; i++)
        if (run_goes(update, &runs.items[i])) *arena_push(update->arena, &update->removed) = runs.items[i];
    return 0;
}

// Those that stay, and are not yet as they are to be.
static int find_switching(struct ports_update *update, struct err *err) {
    struct port_runs runs;
    if (!update->firewall) return 0;
    if (port_rows_load(update->engine->store.db, update->arena, update->container->id, false, &runs, err))
        return -1;
    for (size_t i = 0; i < runs.count; i++) {
        if (run_goes(update, &runs.items[i]) || runs.items[i].respect == update->claim.respect) continue;
        struct port_run *run = arena_push(update->arena, &update->switching);
        *run = runs.items[i];
        run->respect = update->claim.respect;
    }
    return ports_open_gate(update->engine, &update->switching, err);
}

static int change_bag(struct ports_update *update, struct port_hold *hold, const struct port_runs *without) {
    struct ports_bag bag = {.engine = update->engine,
                            .container_id = update->container->id,
                            .plan = update->plan,
                            .without = without};
    return ports_bag_change(&bag, hold);
}

// Before the settings

static int refuse(struct ports_update *update, int r, struct err *err) {
    return ports_refuse(update->container, r, "publish ports", err);
}

static int add_to_kernel(struct ports_update *update, size_t *ret_count) {
    const struct port_runs *runs = &update->claim.runs;
    int r = link_set_hairpin(update->claim.target.link);
    for (*ret_count = 0; !r && *ret_count < runs->count;) {
        struct plan_port port = port_run_plan(&runs->items[*ret_count]);
        if (port.count) r = ports_publish(update->engine, update->plan, &port);
        if (!r) ++*ret_count;
    }
    return r;
}

static void remove_from_kernel(struct ports_update *update, const struct port_run *runs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct plan_port port = port_run_plan(&runs[i]);
        if (port.count) (void)plan_publish_remove(update->plan, &port);
    }
}

static int add_all(struct ports_update *update, struct err *err) {
    static const struct port_runs none;
    size_t added = 0;
    if (ports_claim(&update->claim, &update->add, err) ||
        ports_open_gate(update->engine, &update->claim.runs, err))
        return -1;
    int r = change_bag(update, &update->claim.hold, &none);
    if (!r) r = add_to_kernel(update, &added);
    if (!r) return 0;
    remove_from_kernel(update, update->claim.runs.items, added);
    return refuse(update, r, err);
}

int ports_update_begin(struct ports_update *update, struct err *err) {
    bool few = !update->add.count && !update->remove.count;
    struct container_config config = update->container->config;
    bool any = update->add.count || update->remove.count || update->firewall;
    if (!any || !update->running) return 0;
    if (few && !container_has_networks(&config))
        return 0; // the firewall's word, for a container without ports
    if (container_uses_pasta(&update->container->config))
        return err_set(
            err, ERR_CONFLICT, 0,
            "container %s runs, and pasta takes ports only when it starts: stop the container first",
            update->container->name);
    struct err ignored;
    update->claim = (struct port_claim){.engine = update->engine,
                                        .arena = update->arena,
                                        .container = update->container,
                                        .pending = true,
                                        .hold = PORT_HOLD_NONE};
    if (update->firewall) config.firewall = update->firewall;
    if (firewall_respects(&config, &update->claim.respect, err) ||
        (!few &&
         ports_target_find(update->engine, update->arena, update->container, &update->claim.target, err)) ||
        plan_open(update->engine, update->container->id, &update->plan, err) || find_removed(update, err) ||
        find_switching(update, err))
        return -1;
    update->begun = true;
    if (!update->add.count || !add_all(update, err)) return 0;
    (void)port_rows_drop_pending(update->engine->store.db, update->container->id, &ignored);
    update->begun = false;
    return -1;
}

// With them

static int set_pending(struct ports_update *update, const struct port_runs *runs, bool pending,
                       struct err *err) {
    for (size_t i = 0; i < runs->count; i++)
        if (port_row_set_pending(update->engine->store.db, update->container->id, &runs->items[i], pending,
                                 err))
            return -1;
    return 0;
}

static int set_switching(struct ports_update *update, struct err *err) {
    for (size_t i = 0; i < update->switching.count; i++)
        if (port_row_set_respect(update->engine->store.db, update->container->id, &update->switching.items[i],
                                 PORT_SWITCHING, err))
            return -1;
    return 0;
}

int ports_update_store(struct ports_update *update, struct err *err) {
    if (!update->begun) return 0;
    return set_switching(update, err) || set_pending(update, &update->claim.runs, false, err) ||
                   set_pending(update, &update->removed, true, err)
               ? -1
               : 0;
}

// After them

int ports_update_switch(struct ports_update *update, struct err *err) {
    if (!update->begun) return 0;
    return ports_switch(update->engine, update->container->id, update->plan, &update->switching, err);
}

// What can't be done now is done by the next command.
void ports_update_complete(struct ports_update *update) {
    static const struct port_runs none;
    _cleanup_(port_hold_finish) struct port_hold hold = PORT_HOLD_NONE;
    struct err ignored;
    if (!update->begun) return;
    (void)port_rows_assert(update->engine->store.db, &update->claim.runs, &none, &ignored);
    if (!update->removed.count) return;
    remove_from_kernel(update, update->removed.items, update->removed.count);
    if (!port_hold_begin(&hold)) (void)change_bag(update, &hold, &update->removed);
    (void)port_rows_drop_pending(update->engine->store.db, update->container->id, &ignored);
}

static void switch_back(struct ports_update *update) {
    struct err ignored;
    for (size_t i = 0; i < update->switching.count; i++)
        update->switching.items[i].respect = !update->switching.items[i].respect;
    if (!set_switching(update, &ignored)) (void)ports_update_switch(update, &ignored);
}

// The settings are as they were, or never changed.
void ports_update_take_back(struct ports_update *update) {
    _cleanup_(port_hold_finish) struct port_hold hold = PORT_HOLD_NONE;
    struct err ignored;
    if (!update->begun) return;
    switch_back(update);
    (void)set_pending(update, &update->removed, false, &ignored);
    if (!update->claim.runs.count) return;
    (void)set_pending(update, &update->claim.runs, true, &ignored);
    remove_from_kernel(update, update->claim.runs.items, update->claim.runs.count);
    if (!port_hold_begin(&hold)) (void)change_bag(update, &hold, &update->claim.runs);
    (void)port_rows_drop_pending(update->engine->store.db, update->container->id, &ignored);
}

void ports_update_finish(struct ports_update *update) {
    ports_claim_finish(&update->claim);
    plan_unmap(update->plan);
    update->plan = NULL;
}
