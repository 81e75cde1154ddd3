// SPDX-License-Identifier: Apache-2.0
// What a network's row says becomes true in the kernel, and what no row says goes.
#include "network/kernel.h"
#include "network/row.h"
#include "network/rules.h"

#include "base/fd.h"
#include "kernel/link_settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool network_is_ready(struct db *db, const struct network *network) {
    switch (network->driver) {
    case NETWORK_DRIVER_BRIDGE: return bridge_is_ready(db, network);
    case NETWORK_DRIVER_MACVLAN:
    case NETWORK_DRIVER_IPVLAN: return parent_is_ready(network);
    default: return true;
    }
}

static int make(struct db *db, struct arena *arena, struct network *network, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    char database[LINK_ALIAS_SIZE];
    bool fits = true;
    if (namespace_lock(&lock, err) || database_path(db, database, err)) return -1;
    int r = network_load_id(db, arena, network->id, network, err);
    if (r <= 0) return r < 0 ? -1 : err_set(err, ERR_NOT_FOUND, 0, "network %s not found", network->name);
    if (network_is_ready(db, network)) return 0; // another process was faster
    if (network_is_default(network) && default_fits(network, &fits, err)) return -1;
    // The row first: a crash between the two leaves a row without a bridge, which the next command mends. The
    // rules before: they would drop what goes to subnets that are somebody else's now.
    if (!fits) rules_remove(db, network);
    if (!fits && default_choose(db, database, arena, network, err)) return -1;
    if (network->driver == NETWORK_DRIVER_BRIDGE) bridge_remove_renamed(network);
    return network->driver == NETWORK_DRIVER_BRIDGE ? bridge_make(db, network, database, err)
                                                    : parent_make(network, database, err);
}

int network_ensure(struct db *db, struct arena *arena, struct network *network, struct err *err) {
    return network_is_ready(db, network) ? 0 : make(db, arena, network, err);
}

// Left over

struct sweep {
    struct db *db;
    const char *database;
    struct arena arena;
    struct networks gone; // as far as an alias tells of them
    bool own;             // of this root, whose rules may have something of them
};

static bool has_default(struct db *db) {
    struct err ignored;
    return db_number(db, NULL, &ignored, "SELECT 1 FROM network WHERE name = ?", "s", NETWORK_DEFAULT) > 0;
}

// Of this root, and of no network that it has; or of a root that is gone, and no container is on it. A path
// that is too long for the alias is never found to be gone.
static bool is_left_over(struct sweep *sweep, const struct link *link, const char *id, const char *path) {
    size_t ports;
    struct err ignored;
    if (strlen(link->alias) + 1 == LINK_ALIAS_SIZE) return false;
    bool own = str_eq(path, sweep->database);
    bool gone = own ? !db_number(sweep->db, NULL, &ignored, "SELECT 1 FROM network WHERE id = ?", "s", id)
                    : access(path, F_OK) && errno == ENOENT;
    gone = gone && !link_count_ports(link->index, &ports) && ports == 0;
    sweep->own = sweep->own || (gone && own && has_default(sweep->db));
    return gone;
}

static int look_at(const char *name, const struct link *link, void *data) {
    struct sweep *sweep = data;
    const char *id = str_after(link->alias, "hoy "), *path = id ? strchr(id, ' ') : NULL;
    if (!path || path - id != ID_SIZE - 1) return 0;
    id = arena_strndup(&sweep->arena, id, ID_SIZE - 1);
    if (!is_left_over(sweep, link, id, path + 1)) return 0;
    *arena_push(&sweep->arena, &sweep->gone) =
        (struct network){.id = id, .name = id, .link = arena_strdup(&sweep->arena, name)};
    return 0;
}

int networks_sweep(struct db *db, const char *database, struct err *err) {
    struct sweep sweep = {.db = db, .database = database, .arena = ARENA_INIT};
    int r = link_each(look_at, &sweep);
    for (size_t i = 0; !r && i < sweep.gone.count; i++) {
        // Of a root that is gone, if this was its default network.
        char table[RULES_TABLE_SIZE];
        rules_table_name(sweep.gone.items[i].id, table);
        (void)nft_table_delete(&(struct nft_table){.name = table});
        (void)link_delete(sweep.gone.items[i].link);
    }
    arena_finish(&sweep.arena);
    if (r) return err_set(err, ERR_SYSTEM, -r, "look at the host's interfaces");
    return sweep.own ? rules_rebuild(db, err) : 0;
}

int network_sweep(struct db *db, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    char database[LINK_ALIAS_SIZE];
    return namespace_lock(&lock, err) || database_path(db, database, err) || networks_sweep(db, database, err)
               ? -1
               : 0;
}
