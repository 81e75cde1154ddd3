// SPDX-License-Identifier: Apache-2.0
// The part of an update that is no limit: mounts and environment.
#pragma once

#include "engine/parts.h"

// Before all else of an update. What it did is taken back by the undo, when the rest is refused.
int networks_update(struct engine *engine, struct arena *arena, const struct container *container,
                    const struct network_changes *changes, struct err *err);
void networks_update_undo(struct engine *engine, struct arena *arena, const struct container *container,
                          const struct network_changes *changes);

struct live {
    struct engine *engine;
    struct arena *arena;
    const struct container *container; // as it was
    struct container_config changes;   // of these the environment, and the mounts that come
    struct strings remove;             // targets
    struct strings made;               // volumes that were not there before
};

bool live_changes_mounts(const struct live *live);
// Names for volumes without one.
void live_prepare(struct live *live);
// The settings with the changes in them.
int live_merge(const struct live *live, struct container_config *config, struct err *err);
// Whether a start would take them.
int live_check(const struct live *live, const struct container_config *config, struct err *err);
// The volumes that come, and of the host's directories those that may be made; and away with them when the
// update failed.
int live_take_volumes(struct live *live, struct err *err);
void live_drop_volumes(struct live *live);
// When it worked: what is not mounted any more is not used.
void live_release_volumes(const struct live *live, const struct container_config *config);
// In the container that runs; then() completes it, or has it taken back.
int live_mount(const struct live *live, const struct container_config *config,
               int (*then)(void *data, struct err *err), void *data, struct err *err);
