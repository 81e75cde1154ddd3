// SPDX-License-Identifier: Apache-2.0
// The networks of an update: one after the other, and back again where one of them is refused.
#include "engine/networks.h"
#include "engine/update_live.h"

static void undo(struct engine *engine, struct arena *arena, const struct container *before,
                 const struct network_changes *changes, size_t added, size_t removed) {
    struct err ignored;
    while (added-- > 0)
        (void)networks_disconnect(engine, arena, changes->add.items[added].network, before->id, false,
                                  &ignored);
    while (removed-- > 0) {
        struct network network;
        if (networks_find(engine, arena, changes->remove.items[removed], &network, &ignored)) continue;
        const struct endpoint_settings *settings = container_network_find(&before->config, network.name);
        if (settings) (void)networks_connect(engine, arena, network.name, before->id, settings, &ignored);
    }
}

int networks_update(struct engine *engine, struct arena *arena, const struct container *container,
                    const struct network_changes *changes, struct err *err) {
    size_t removed = 0, added = 0;
    while (removed < changes->remove.count &&
           !networks_disconnect(engine, arena, changes->remove.items[removed], container->id, false, err))
        removed++;
    while (removed == changes->remove.count && added < changes->add.count &&
           !networks_connect(engine, arena, changes->add.items[added].network, container->id,
                             &changes->add.items[added], err))
        added++;
    if (removed == changes->remove.count && added == changes->add.count) return 0;
    undo(engine, arena, container, changes, added, removed);
    return -1;
}

void networks_update_undo(struct engine *engine, struct arena *arena, const struct container *container,
                          const struct network_changes *changes) {
    undo(engine, arena, container, changes, changes->add.count, changes->remove.count);
}
