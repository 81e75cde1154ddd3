// SPDX-License-Identifier: Apache-2.0
// How ports are taken. The rows of fixed ones come first, all in one transaction: they tell who has a port by
// name. Then the sockets, which keep it from everybody else on the host. Ports that the kernel chooses come
// the other way round.
//
// A row may be of a container that has died without a word: whoever meets one looks after that container
// first.
#include "engine/ports.h"

#include "engine/cni.h"
#include "engine/config_ports.h"
#include "network/rules.h"
#include "plan/publish.h"
#include "runtime/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES        64
#define RANDOM_FIRST 32768 // where the kernel has no sockets to say which port is free
#define RANDOM_LAST  60999

void ports_claim_finish(struct port_claim *claim) {
    port_hold_finish(&claim->hold);
}

// What is wanted

static bool is_bound(const struct container_config *config, uint8_t protocol, uint16_t port) {
    for (size_t i = 0; i < config->ports.count; i++)
        if (port_binding_has(&config->ports.items[i], protocol, port)) return true;
    return false;
}

struct port_bindings ports_wanted(struct arena *arena, const struct container_config *config) {
    struct port_bindings wanted = {0};
    for (size_t i = 0; i < config->ports.count; i++) *arena_push(arena, &wanted) = config->ports.items[i];
    for (size_t i = 0; config->publish_all && i < config->exposed_ports.count; i++) {
        struct port_binding binding = {.count = 1};
        if (port_parse(config->exposed_ports.items[i], &binding.port, &binding.protocol) ||
            is_bound(config, binding.protocol, binding.port))
            continue;
        *arena_push(arena, &wanted) = binding;
    }
    return wanted;
}

// The runs of one binding, one for each family.
struct runs {
    struct port_run items[2];
    size_t count;
};

static bool kernel_has_v6(void) {
    _cleanup_(fd_closep) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0;
}

static void run_add(const struct port_claim *claim, struct runs *runs, const struct port_binding *binding,
                    uint8_t family, const char *address, const char *host) {
    struct port_run *run = &runs->items[runs->count++];
    *run = (struct port_run){.family = family,
                             .protocol = binding->protocol,
                             .port = binding->port,
                             .count = 1,
                             .respect = claim->respect};
    snprintf(run->host, sizeof run->host, "%s", host);
    snprintf(run->address, sizeof run->address, "%s", address);
}

// What comes by a version of IP that the container does not have is handed on by hoy-proxy, which does so
// with TCP and UDP.
static int runs_make(const struct port_claim *claim, const struct port_binding *binding,
                     struct runs *ret_runs, struct err *err) {
    const struct port_target *target = &claim->target;
    struct runs runs = {0};
    const char *host = binding->host ? binding->host : *target->host ? target->host : NULL;
    bool is_v6 = host && strchr(host, ':');
    bool v6_works = kernel_has_v6() && (*target->v6 || binding->protocol != IPPROTO_SCTP);
    if (target->pasta && binding->protocol == IPPROTO_SCTP)
        return err_set(err, ERR_INVALID, 0,
                       "cannot publish %s: pasta, which hands on the ports of an ordinary user's containers, "
                       "knows tcp and udp",
                       port_binding_text(claim->arena, binding));
    bool v4_works = *target->v4 || target->pasta || binding->protocol != IPPROTO_SCTP;
    if (!is_v6 && v4_works)
        run_add(claim, &runs, binding, AF_INET, *target->v4 ? target->v4 : target->v6,
                host ? host : "0.0.0.0");
    if (v6_works && (is_v6 || !host))
        run_add(claim, &runs, binding, AF_INET6, *target->v6 ? target->v6 : target->v4, host ? host : "::");
    if (!runs.count)
        return err_set(err, ERR_INVALID, 0, "cannot publish %s: the container has no IPv%c address",
                       port_binding_text(claim->arena, binding), is_v6 ? '6' : '4');
    *ret_runs = runs;
    return 0;
}

// Who has it

static const char *address_words(struct arena *arena, const struct port_address *address) {
    char name[INET6_ADDRSTRLEN];
    inet_ntop(address->family, address->bytes, name, sizeof name);
    return arena_strdup(arena, name);
}

static int taken(const struct port_run *run, uint16_t host_port, const char *by, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "port %u/%s of %s is taken by %s", host_port,
                   port_protocol_name(run->protocol), run->host, by);
}

static int taken_by_program(struct port_claim *claim, const struct port_run *run, uint16_t host_port,
                            struct err *err) {
    struct port_owner owner;
    struct port_address address = port_run_address(run, host_port);
    if (port_owner_find(&address, &owner) <= 0)
        return taken(
            run, host_port,
            "a socket that the kernel does not show: bound without listening, as another root of hoy's "
            "has its ports",
            err);
    const char *where = address_words(claim->arena, &owner.address);
    // From within a user namespace no look into processes outside is allowed.
    if (!owner.pid && claim->engine->rootless)
        return taken(run, host_port,
                     arena_printf(claim->arena, "a program on %s (ss -lntup says which)", where), err);
    return taken(run, host_port,
                 owner.pid
                     ? arena_printf(claim->arena, "%s (process %d, on %s)", owner.name, owner.pid, where)
                     : arena_printf(claim->arena, "a socket on %s that no process here has", where),
                 err);
}

// 1: the container is there, and keeps it; 0: look again.
static int look_after(struct port_claim *claim, const char *id, const char **ret_name, struct err *err) {
    struct container holder;
    int r = row_load(claim->engine, claim->arena, id, &holder, err);
    if (r == 0) return port_rows_release(claim->engine->store.db, id, err) ? -1 : 0;
    if (r > 0) r = container_settle(claim->engine, claim->arena, &holder, err);
    if (r <= 0) return r;
    *ret_name = holder.name;
    return 1;
}

// Rows

static int try_rows(struct port_claim *claim, const struct port_runs *runs, struct port_holder *ret_holder,
                    const struct port_run **ret_run, struct err *err) {
    struct db *db = claim->engine->store.db;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_begin(transaction, err)) return -1;
    for (size_t i = 0; i < runs->count; i++) {
        *ret_run = &runs->items[i];
        int r = port_row_take(db, claim->container->id, &runs->items[i], claim->pending, ret_holder, err);
        if (r <= 0) return r;
    }
    if (db_commit(db, err)) return -1;
    return 1;
}

static int take_rows(struct port_claim *claim, const struct port_runs *runs, struct err *err) {
    struct port_holder holder;
    char last[ID_SIZE] = "";
    const struct port_run *run = NULL;
    const char *name = NULL;
    if (!runs->count) return 0;
    for (;;) {
        int r = try_rows(claim, runs, &holder, &run, err);
        if (r) return r < 0 ? -1 : 0;
        if (str_eq(holder.id, claim->container->id) && !claim->pending && !claim->cleaned) {
            claim->cleaned = true;
            if (port_rows_release(claim->engine->store.db, holder.id, err)) return -1;
            continue;
        }
        if (str_eq(holder.id, claim->container->id))
            return err_set(err, ERR_INVALID, 0, "port %u/%s of %s is asked for twice", holder.host_port,
                           port_protocol_name(run->protocol), run->host);
        if (str_eq(holder.id, last) && name)
            return taken(run, holder.host_port, arena_printf(claim->arena, "container %s", name), err);
        snprintf(last, sizeof last, "%s", holder.id);
        if (look_after(claim, holder.id, &name, err) < 0) return -1;
    }
}

// Sockets

static int cannot_bind(struct port_claim *claim, const struct runs *runs, uint16_t host_port, int error,
                       struct err *err) {
    const struct port_run *run = &runs->items[0];
    if (error == -EADDRNOTAVAIL)
        return err_set(err, ERR_INVALID, 0, "cannot publish on %s: it is no address of this host", run->host);
    if (error == -EACCES)
        return err_set(err, ERR_INVALID, 0,
                       "cannot publish port %u/%s: ports of ordinary users begin at "
                       "net.ipv4.ip_unprivileged_port_start (sysctl): choose one from there on, or lower it",
                       host_port, port_protocol_name(run->protocol));
    if (error != -EADDRINUSE)
        return err_set(err, ERR_SYSTEM, -error, "cannot take port %u/%s of %s", host_port,
                       port_protocol_name(run->protocol), run->host);
    struct port_owner owner;
    struct port_address address = port_run_address(run, host_port);
    if (runs->count > 1 && port_owner_find(&address, &owner) <= 0) run++;
    return taken_by_program(claim, run, host_port, err);
}

static int bind_fixed(struct port_claim *claim, const struct port_binding *binding, struct err *err) {
    struct runs runs;
    if (runs_make(claim, binding, &runs, err)) return -1;
    for (uint32_t i = 0; i < binding->count; i++) {
        uint16_t host_port = (uint16_t)(binding->host_port + i);
        int r = port_hold_take(&claim->hold, runs.items, runs.count, (uint16_t)(binding->port + i),
                               &claim->target, &host_port);
        if (r) return cannot_bind(claim, &runs, host_port, r, err);
    }
    return 0;
}

static uint16_t choose_port(void) {
    uint32_t number = 0;
    if (getentropy(&number, sizeof number)) number = (uint32_t)clock_monotonic_ns();
    return (uint16_t)(RANDOM_FIRST + number % (RANDOM_LAST - RANDOM_FIRST + 1));
}

static int bind_any(struct port_claim *claim, const struct runs *runs, uint16_t port, uint16_t *ret_host_port,
                    struct err *err) {
    int r = -EADDRINUSE;
    for (int i = 0; i < TRIES && r == -EADDRINUSE; i++) {
        uint16_t host_port = 0;
        r = port_hold_take(&claim->hold, runs->items, runs->count, port, &claim->target, &host_port);
        if (!r) *ret_host_port = host_port ? host_port : choose_port();
    }
    if (r == -EADDRINUSE)
        return err_set(err, ERR_UNAVAILABLE, 0, "no port is free for %u/%s", port,
                       port_protocol_name(runs->items[0].protocol));
    return r ? cannot_bind(claim, runs, 0, r, err) : 0;
}

static int bind_first_free(struct port_claim *claim, const struct runs *runs,
                           const struct port_binding *binding, uint16_t *ret_host_port, struct err *err) {
    for (uint32_t i = 0; i < binding->host_count; i++) {
        uint16_t host_port = (uint16_t)(binding->host_port + i);
        int r =
            port_hold_take(&claim->hold, runs->items, runs->count, binding->port, &claim->target, &host_port);
        if (!r) return *ret_host_port = host_port, 0;
        if (r != -EADDRINUSE) return cannot_bind(claim, runs, host_port, r, err);
    }
    return err_set(err, ERR_CONFLICT, 0, "none of the ports %u-%u/%s of %s is free", binding->host_port,
                   binding->host_port + binding->host_count - 1, port_protocol_name(binding->protocol),
                   runs->items[0].host);
}

static bool is_fixed(const struct port_binding *binding) {
    return binding->host_port && binding->host_count == binding->count;
}

static void runs_push(struct port_claim *claim, struct port_runs *list, const struct runs *runs,
                      uint16_t host_port, uint16_t port, uint32_t count) {
    for (size_t i = 0; i < runs->count; i++) {
        struct port_run *run = arena_push(claim->arena, list);
        *run = runs->items[i];
        run->host_port = host_port;
        run->port = port;
        run->count = count;
    }
}

static int bind_free(struct port_claim *claim, const struct port_binding *binding, struct port_runs *found,
                     struct err *err) {
    struct runs runs;
    if (runs_make(claim, binding, &runs, err)) return -1;
    for (uint32_t i = 0; i < binding->count; i++) {
        uint16_t host_port = 0, port = (uint16_t)(binding->port + i);
        if (binding->host_port ? bind_first_free(claim, &runs, binding, &host_port, err)
                               : bind_any(claim, &runs, port, &host_port, err))
            return -1;
        runs_push(claim, found, &runs, host_port, port, 1);
    }
    return 0;
}

static int fixed_runs(struct port_claim *claim, const struct port_bindings *wanted,
                      struct port_runs *ret_runs, struct err *err) {
    for (size_t i = 0; i < wanted->count; i++) {
        const struct port_binding *binding = &wanted->items[i];
        struct runs runs;
        if (!is_fixed(binding)) continue;
        if (runs_make(claim, binding, &runs, err)) return -1;
        runs_push(claim, ret_runs, &runs, binding->host_port, binding->port, binding->count);
    }
    return 0;
}

int ports_claim(struct port_claim *claim, const struct port_bindings *wanted, struct err *err) {
    struct port_runs fixed = {0}, found = {0};
    int r = port_hold_begin(&claim->hold);
    if (r) return err_set(err, ERR_SYSTEM, -r, "make a socket for published ports");
    if (fixed_runs(claim, wanted, &fixed, err) || take_rows(claim, &fixed, err)) return -1;
    claim->cleaned = true;
    for (size_t i = 0; i < wanted->count; i++)
        if (is_fixed(&wanted->items[i]) && bind_fixed(claim, &wanted->items[i], err)) return -1;
    for (size_t i = 0; i < wanted->count; i++)
        if (!is_fixed(&wanted->items[i]) && bind_free(claim, &wanted->items[i], &found, err)) return -1;
    if (take_rows(claim, &found, err)) return -1;
    claim->runs = fixed;
    for (size_t i = 0; i < found.count; i++) *arena_push(claim->arena, &claim->runs) = found.items[i];
    return 0;
}

// The plan

size_t ports_places(const struct port_bindings *bindings) {
    size_t places = 0;
    for (size_t i = 0; i < bindings->count; i++)
        places += 2u * (is_fixed(&bindings->items[i]) ? 1u : bindings->items[i].count);
    return places;
}

int ports_plan(const struct port_claim *claim, struct plan *plan, struct err *err) {
    size_t count = 0, spare = claim->later + PLAN_PORTS_SPARE;
    struct plan_port *ports = arena_array(claim->arena, struct plan_port, claim->runs.count + spare);
    for (size_t i = 0; i < claim->runs.count; i++) {
        struct plan_port port = port_run_plan(&claim->runs.items[i]);
        if (port.count) ports[count++] = port;
    }
    memset(ports + count, 0, spare * sizeof *ports);
    const char *proxy = runtime_program_find("hoy-proxy", "proxy", claim->arena, err);
    if (!proxy && claim->hold.served >= 0) return -1;
    struct nft_table rules;
    if (rules_table(claim->engine->store.db, claim->arena, &rules, err)) return -1;
    plan_str table = plan_string(plan, rules.name);
    struct plan_blob blob = plan_bytes(plan, ports, (count + spare) * sizeof *ports);
    struct plan_list words = plan_strings(plan, &proxy, proxy ? 1 : 0);
    struct plan_op *op = plan_add(plan, PLAN_PUBLISH, claim->runs.count ? "--publish" : "default");
    op->publish.table = table;
    op->publish.ports = blob;
    op->publish.proxy = words;
    op->publish.bag = -1;
    return 0;
}

int container_ports(struct engine *engine, struct arena *arena, const struct container *container,
                    struct port_runs *ret_runs, struct err *err) {
    *ret_runs = (struct port_runs){0};
    if (!str_eq(container->state, "running")) return 0;
    if (container_cni_network(&container->config))
        return container_cni_ports(engine, arena, container, ret_runs, err);
    return port_rows_load(engine->store.db, arena, container->id, false, ret_runs, err);
}

int ports_switch(struct engine *engine, const char *container_id, struct plan_block *plan,
                 const struct port_runs *runs, struct err *err) {
    for (size_t i = 0; i < runs->count; i++) {
        struct plan_port port = port_run_plan(&runs->items[i]);
        int r = plan && port.count ? plan_publish_set_respect(plan, &port) : 0;
        if (r && r != -ENOENT) return err_set(err, ERR_SYSTEM, -r, "change the rules of published ports");
        if (port_row_set_respect(engine->store.db, container_id, &runs->items[i], PORT_READY, err)) return -1;
    }
    return 0;
}

// After a crash

static int recover(struct engine *engine, const char *id, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct port_runs runs, switching;
    if (run_dir_lock(engine, id, RUN_DIR_PROBE, &dir, err)) return err->kind == ERR_UNAVAILABLE ? 0 : -1;
    if (port_rows_load(engine->store.db, &arena, id, true, &runs, err) ||
        port_rows_load_switching(engine->store.db, &arena, id, &switching, err))
        return -1;
    if (dir.fd >= 0) (void)plan_map_at(dir.fd, "plan", &plan);
    if (ports_switch(engine, id, plan, &switching, err)) return -1;
    for (size_t i = 0; plan && i < runs.count; i++) {
        struct plan_port port = port_run_plan(&runs.items[i]);
        if (port.count) (void)plan_publish_remove(plan, &port);
    }
    return port_rows_drop_pending(engine->store.db, id, err);
}

int ports_recover(struct engine *engine, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings ids = {0};
    if (port_rows_list_pending(engine->store.db, &arena, &ids, err)) return -1;
    for (size_t i = 0; i < ids.count; i++)
        if (recover(engine, ids.items[i], err)) return -1;
    return 0;
}
