// SPDX-License-Identifier: Apache-2.0
// Containers that come to a network, and leave it. One that does not run has it in its settings; for one that
// runs its interface is made straight in its namespace.
//
// The lock of its run directory keeps others from starting and ending it meanwhile. While its interface is
// being made or taken away its endpoint's row is pending; the settings change with the last step of the one,
// and with the first of the other. So whoever finds a pending row, and the lock free, finds what a command
// that was killed left: the interface goes, and the row with it (networks_recover()).
#include "engine/again.h"
#include "engine/cni.h"
#include "engine/net_rate.h"
#include "engine/network_restore.h"
#include "engine/networks.h"
#include "engine/parts.h"
#include "engine/pasta.h"
#include "engine/ports.h"
#include "engine/resolver.h"
#include "network/live.h"
#include "state/event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT (1u << 20)

struct change {
    struct engine *engine;
    struct arena *arena;
    struct network network;
    struct container now;           // as it was
    struct container_config config; // as it becomes
    struct run_dir dir;
    bool running;
    int netns;
};

static void change_finish(struct change *c) {
    fd_closep(&c->netns);
    run_dir_finish(&c->dir);
}

// It may end at any moment, and then what was begun fails in one way or another. Its shim can be gone before
// its first process is.
static bool has_ended(const struct change *c) {
    _cleanup_(fd_closep) int process = container_open_process(c->engine, c->now.id);
    _cleanup_(fd_closep) int shim = shim_connect(c->engine, c->now.id);
    return container_process_ended(process) || shim_is_gone(shim);
}

static int fail_ended(const struct change *c, struct err *err) {
    return has_ended(c) ? container_not_running(c->now.id, err) : -1;
}

static int change_begin(struct change *c, const char *network, const char *name, struct err *err) {
    struct container container;
    if (network_find(c->engine->store.db, c->arena, network, &c->network, err) ||
        container_find(c->engine, c->arena, name, &container, err) ||
        run_dir_lock(c->engine, container.id, RUN_DIR_WAIT, &c->dir, err))
        return -1;
    int r = row_load(c->engine, c->arena, container.id, &c->now, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", name);
    if (r < 0) return -1;
    c->config = c->now.config;
    c->config.networks.items = arena_memdup(c->arena, c->now.config.networks.items,
                                            c->now.config.networks.count * sizeof *c->config.networks.items);
    r = c->dir.fd < 0 || container_is_restarting(&c->now) ? 0
                                                          : shim_has_started(c->engine, container.id, err);
    c->running = r > 0;
    if (r <= 0) return r;
    if (container_open_netns(c->engine, container.id, &c->netns, err)) return -1;
    return networks_settle(c->engine, c->arena, &c->now, err) ? fail_ended(c, err) : 0;
}

static int check_modes(const struct change *c, struct err *err) {
    const char *mode = c->now.config.network_mode;
    if (c->network.driver == NETWORK_DRIVER_HOST)
        return err_set(err, ERR_CONFLICT, 0,
                       "container cannot be disconnected from host network or connected to host network");
    if (str_eq(mode, "none") || c->network.driver == NETWORK_DRIVER_NULL)
        return err_set(
            err, ERR_CONFLICT, 0,
            "container cannot be connected to multiple networks with one of the networks in private "
            "(none) mode%s%s",
            str_eq(mode, "none") ? ": first hoy network disconnect none " : "",
            str_eq(mode, "none") ? c->now.name : "");
    if (container_cni_network(&c->now.config))
        return err_set(err, ERR_CONFLICT, 0,
                       "container %s is on a CNI network, and can be on no other one beside it", c->now.name);
    if (!container_has_networks(&c->now.config))
        return err_set(
            err, ERR_CONFLICT, 0,
            "container sharing network namespace with another container or host cannot be connected to "
            "any other network");
    return 0;
}

static void event(const struct change *c, const char *action) {
    event_write(c->engine->store.root_fd, "network", action, c->network.id, "container", c->now.id, "name",
                c->network.name, "type", network_driver_name(c->network.driver), NULL);
}

// The settings, and the endpoint's mark or its end, in one.
enum mark { MARK_NOTHING, MARK_PENDING, MARK_DONE };

static int store(const struct change *c, const struct container_config *config, enum mark mark,
                 struct err *err) {
    struct db *db = c->engine->store.db;
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (row_store_config(c->engine, c->now.id, config, err) ||
        (mark != MARK_NOTHING &&
         network_set_pending(db, c->now.id, c->network.id, mark == MARK_PENDING, err)) ||
        db_commit(db, err))
        return -1;
    return 0;
}

// Those that it has by now, but for one that goes.
static int endpoints_now(const struct change *c, const struct container *container,
                         const struct endpoint *without, struct endpoints *ret_now, struct err *err) {
    struct endpoints all, now = {0};
    if (networks_endpoints(c->engine, c->arena, container, &all, err)) return -1;
    for (size_t i = 0; i < all.count; i++)
        if (!without || !str_eq(all.items[i].network_id, without->network_id))
            *arena_push(c->arena, &now) = all.items[i];
    endpoints_choose_gateway(&now);
    *ret_now = now;
    return 0;
}

// The container has these very files. One that can't be written is as it was: that has its pages.

static int put(int fd, const struct str *text) {
    if (lseek(fd, 0, SEEK_SET) < 0) return -errno;
    int r = fd_write_all(fd, str_get(text), text->len);
    return r ? r : ftruncate(fd, (off_t)text->len) ? -errno : 0;
}

static int write_in_place(int dir, const char *name, const struct str *before, const struct str *text) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, name, O_WRONLY | O_NOFOLLOW, 0);
    int r = fd < 0 ? fd : put(fd, text);
    if (fd >= 0 && r) (void)put(fd, before);
    return r;
}

static int write_hosts(const struct change *c, const struct endpoint *add, const struct endpoint *remove,
                       struct err *err) {
    const struct container_config *config = &c->now.config;
    struct endpoints now;
    if (endpoints_now(c, &c->now, remove, &now, err)) return -1;
    struct network_files files = {.hostname = config->hostname,
                                  .domainname = config->domainname,
                                  .add_host = config->add_host,
                                  .endpoints = &now};
    _cleanup_(str_finish) struct str text = {0}, changed = {0};
    int r = file_read_at(c->dir.fd, "hosts", FILE_LIMIT, &text);
    if (r == -ENOENT) return 0; // its own, not hoy's
    if (!r) network_change_hosts(&files, str_get(&text), add, remove, &changed);
    if (!r) r = write_in_place(c->dir.fd, "hosts", &text, &changed);
    return r ? err_set(err, ERR_SYSTEM, -r, "write the hosts file of container %s", c->now.name) : 0;
}

// It had no resolver before: its programs are to ask the one that it has now.
static int write_resolv_conf(const struct change *c, struct err *err) {
    const struct container_config *config = &c->now.config;
    struct network_files files = {.dns = config->dns,
                                  .dns_search = config->dns_search,
                                  .dns_options = config->dns_options,
                                  .own_netns = true,
                                  .own_resolver = true};
    _cleanup_(str_finish) struct str before = {0}, text = {0};
    if (network_write_resolv_conf(&files, NULL, &text, err)) return -1;
    int r = file_read_at(c->dir.fd, "resolv.conf", FILE_LIMIT, &before);
    if (r == -ENOENT) return 0;
    if (!r) r = write_in_place(c->dir.fd, "resolv.conf", &before, &text);
    return r ? err_set(err, ERR_SYSTEM, -r, "write the resolv.conf of container %s", c->now.name) : 0;
}

// From now on it is to look after the container's resolver, and at its end after names that no plan has.
static int tell_shim(const struct change *c, struct err *err) {
    _cleanup_(fd_closep) int shim = shim_connect(c->engine, c->now.id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r) r = shim_send(shim, SHIM_NAMES, NULL, 0);
    if (!r) r = shim_hang_up(shim);
    return r ? err_set(err, ERR_SYSTEM, -r, "tell the shim of container %s of its names", c->now.name) : 0;
}

// With these settings, and the endpoints that it has by now, but for one that goes.
static int change_names(const struct change *c, const struct container_config *config,
                        const struct endpoint *without, struct err *err) {
    struct container container = c->now;
    struct endpoints endpoints;
    bool is_new;
    container.config = *config;
    return endpoints_now(c, &container, without, &endpoints, err) ||
                   names_change(c->engine, c->arena, &container, &endpoints, &is_new, err) ||
                   (is_new && write_resolv_conf(c, err))
               ? -1
               : 0;
}

// Connecting

static int prepare_connect(struct change *c, const struct endpoint_settings *settings, struct err *err) {
    if (check_modes(c, err)) return -1;
    if (container_network_find(&c->config, c->network.name))
        return err_set(err, ERR_CONFLICT, 0, "endpoint with name %s already exists in network %s",
                       c->now.name, c->network.name);
    struct endpoint_settings *added = container_network_add(c->arena, &c->config, c->network.name);
    *added = *settings;
    added->network = c->network.name;
    return networks_check_settings(&c->network, added, err);
}

static unsigned next_number(const struct endpoints *endpoints) {
    unsigned next = 0;
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoints->items[i].number >= next) next = endpoints->items[i].number + 1;
    return next;
}

// With the endpoint's row there, pending.
static int plug_in(struct change *c, const struct endpoints *before, struct endpoint *endpoint,
                   struct err *err) {
    struct endpoints after = {0};
    struct err ignored;
    for (size_t i = 0; i < before->count; i++) *arena_push(c->arena, &after) = before->items[i];
    *arena_push(c->arena, &after) = *endpoint;
    endpoints_choose_gateway(&after);
    if (live_add(endpoint, c->netns, err)) return -1;
    if (net_rate_connect(&c->config, endpoint, err) || live_route(before, &after, c->netns, err) ||
        ports_follow(c->engine, c->arena, &c->now, &after, false, err) ||
        write_hosts(c, endpoint, NULL, err) || change_names(c, &c->config, NULL, err) ||
        (!str_eq(endpoint->network, NETWORK_DEFAULT) && tell_shim(c, err)) ||
        store(c, &c->config, MARK_DONE, err)) {
        (void)live_remove(endpoint, c->netns, &ignored);
        (void)live_route(&after, before, c->netns, &ignored);
        (void)ports_follow(c->engine, c->arena, &c->now, before, true, &ignored);
        (void)write_hosts(c, NULL, endpoint, &ignored);
        return -1;
    }
    return 0;
}

static int connect_running(struct change *c, struct err *err) {
    struct db *db = c->engine->store.db;
    struct endpoints before;
    struct endpoint endpoint;
    struct err ignored;
    const struct endpoint_settings *settings = container_network_find(&c->config, c->network.name);
    const struct endpoints only = {&endpoint, 1};
    if (networks_endpoints(c->engine, c->arena, &c->now, &before, err) ||
        network_restore(c->engine, c->arena, &c->network, false, err) ||
        network_attach(db, c->arena, &c->network, c->now.id, settings, next_number(&before), true, &endpoint,
                       err))
        return -1;
    if (networks_open_gate(c->engine, &only, err) || plug_in(c, &before, &endpoint, err)) {
        (void)network_release(db, c->now.id, c->network.id, &ignored);
        (void)names_end(c->engine, c->now.id, &only, &ignored);
        (void)change_names(c, &c->now.config, NULL, &ignored);
        return -1;
    }
    networks_glance_from(c->engine, &endpoint);
    event(c, "connect");
    return 0;
}

int networks_connect(struct engine *engine, struct arena *arena, const char *network, const char *container,
                     const struct endpoint_settings *settings, struct err *err) {
    _cleanup_(change_finish) struct change c = {.engine = engine, .arena = arena, .dir = {-1}, .netns = -1};
    if (pasta_refuse_networks(engine, "network connect", err) || change_begin(&c, network, container, err) ||
        prepare_connect(&c, settings, err))
        return -1;
    if (!c.running) return store(&c, &c.config, MARK_NOTHING, err);
    return connect_running(&c, err) ? fail_ended(&c, err) : 0;
}

// Disconnecting

static void forget(struct container_config *config, const char *network) {
    size_t n = 0;
    for (size_t i = 0; i < config->networks.count; i++)
        if (!str_eq(config->networks.items[i].network, network))
            config->networks.items[n++] = config->networks.items[i];
    config->networks.count = n;
}

static const struct endpoint *find(const struct endpoints *endpoints, const char *network_id) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (str_eq(endpoints->items[i].network_id, network_id)) return &endpoints->items[i];
    return NULL;
}

// Its interface is gone, its row is there, pending, and goes when nothing else is left.
static int take_off(struct change *c, const struct endpoints *all, const struct endpoint *endpoint,
                    bool again, struct err *err) {
    struct endpoints rest = {0};
    for (size_t i = 0; i < all->count; i++)
        if (&all->items[i] != endpoint) *arena_push(c->arena, &rest) = all->items[i];
    endpoints_choose_gateway(&rest);
    const struct endpoints only = {(struct endpoint *)endpoint, 1};
    if (names_end(c->engine, c->now.id, &only, err)) return -1;
    return c->netns >= 0 && (live_route(all, &rest, c->netns, err) ||
                             ports_follow(c->engine, c->arena, &c->now, &rest, again, err))
               ? -1
               : 0;
}

static int disconnect_running(struct change *c, struct err *err) {
    struct endpoints all;
    struct err ignored;
    if (networks_endpoints(c->engine, c->arena, &c->now, &all, err)) return -1;
    const struct endpoint *endpoint = find(&all, c->network.id);
    if (!endpoint) return store(c, &c->config, MARK_NOTHING, err); // of a start that was before it
    if (store(c, &c->config, MARK_PENDING, err)) return -1;
    if (live_remove(endpoint, c->netns, err)) {
        (void)store(c, &c->now.config, MARK_DONE, &ignored);
        return -1;
    }
    if (take_off(c, &all, endpoint, false, err) || change_names(c, &c->config, endpoint, err) ||
        write_hosts(c, NULL, endpoint, err) ||
        network_release(c->engine->store.db, c->now.id, endpoint->network_id, err))
        return -1;
    event(c, "disconnect");
    return 0;
}

// There is nothing of it in the kernel: what it has been it remains until it comes to a network.
static int leave_none(struct change *c, struct err *err) {
    c->config.network_mode = NETWORK_DEFAULT;
    if (store(c, &c->config, MARK_NOTHING, err)) return -1;
    if (c->running) event(c, "disconnect");
    return 0;
}

int networks_disconnect(struct engine *engine, struct arena *arena, const char *network,
                        const char *container, bool force, struct err *err) {
    _cleanup_(change_finish) struct change c = {.engine = engine, .arena = arena, .dir = {-1}, .netns = -1};
    if (pasta_refuse_networks(engine, "network disconnect", err)) return -1;
    if (change_begin(&c, network, container, err)) {
        // What is left of a container that is gone goes with every look at it.
        if (force && err->kind == ERR_NOT_FOUND && str_has_prefix(err->text, "No such container"))
            return err_set(err, ERR_NOT_FOUND, 0, "endpoint %s not found in network %s", container, network);
        return -1;
    }
    if (c.network.driver == NETWORK_DRIVER_HOST)
        return err_set(err, ERR_CONFLICT, 0,
                       "container cannot be disconnected from host network or connected to host network");
    if (c.network.driver == NETWORK_DRIVER_NULL && str_eq(c.config.network_mode, "none"))
        return leave_none(&c, err);
    if (!container_network_find(&c.config, c.network.name))
        return err_set(err, ERR_CONFLICT, 0, "container %s is not connected to network %s", c.now.id,
                       c.network.name);
    forget(&c.config, c.network.name);
    if (!c.running) return store(&c, &c.config, MARK_NOTHING, err);
    int r = disconnect_running(&c, err);
    // What was left of its place on the network went with it.
    return r && has_ended(&c) ? store(&c, &c.config, MARK_NOTHING, err) : r;
}

// After a crash

// Its programs may have been told of the network already.
static int forget_network(struct change *c, const struct endpoint *endpoint, struct err *err) {
    char folder[CONTAINER_FOLDER_SIZE];
    c->dir.fd = fd_open_at(c->engine->store.runroot_fd, container_folder(c->now.id, folder),
                           O_RDONLY | O_DIRECTORY, 0);
    return change_names(c, &c->now.config, endpoint, err) || write_hosts(c, NULL, endpoint, err) ? -1 : 0;
}

int networks_settle(struct engine *engine, struct arena *arena, const struct container *container,
                    struct err *err) {
    struct endpoints all;
    if (networks_endpoints(engine, arena, container, &all, err)) return -1;
    for (size_t i = 0; i < all.count; i++) {
        _cleanup_(change_finish) struct change c = {
            .engine = engine, .arena = arena, .now = *container, .dir = {-1}, .netns = -1};
        struct err ignored;
        if (!all.items[i].pending) continue;
        if (container_open_netns(engine, container->id, &c.netns, err) && err->kind != ERR_CONFLICT)
            return -1;
        if (live_remove(&all.items[i], c.netns, err) || take_off(&c, &all, &all.items[i], true, err))
            return -1;
        // Names that can't be changed are tried once: who comes next is not held up by them.
        int r = c.netns >= 0 ? forget_network(&c, &all.items[i], err) : 0;
        if (network_release(engine->store.db, container->id, all.items[i].network_id, r ? &ignored : err) ||
            r)
            return -1;
        return networks_settle(engine, arena, container, err);
    }
    return 0;
}

static int recover_one(struct engine *engine, struct arena *arena, const char *id, struct err *err) {
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct container container;
    if (run_dir_lock(engine, id, RUN_DIR_PROBE, &dir, err)) return err->kind == ERR_UNAVAILABLE ? 0 : -1;
    int r = row_load(engine, arena, id, &container, err);
    if (r < 0) return -1;
    return r ? networks_settle(engine, arena, &container, err)
             : network_release(engine->store.db, id, NULL, err);
}

int networks_recover(struct engine *engine, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings ids = {0};
    if (db_texts(engine->store.db, &arena, &ids, err,
                 "SELECT DISTINCT container_id FROM endpoint WHERE pending", ""))
        return -1;
    for (size_t i = 0; i < ids.count; i++)
        if (recover_one(engine, &arena, ids.items[i], err)) return -1;
    return 0;
}
