// SPDX-License-Identifier: Apache-2.0
// A log whose options change while its container runs. The shim reads its limits in the plan each time that
// it needs them, so they only have to be written there.
#include "engine/log.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_limit(const char *key) {
    static const char *const limits[] = {"max-size", "max-file", "compress", "mode"};
    if (str_has_prefix(key, "cache-")) key += strlen("cache-");
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        if (str_eq(key, limits[i])) return true;
    return false;
}

int log_check_live(const struct container_log *changes, struct err *err) {
    for (size_t i = 0; i < changes->options.count; i++)
        if (!is_limit(changes->options.items[i].key))
            return err_set(err, ERR_CONFLICT, 0,
                           "--log-opt %s is what a log begins with: stop the container first",
                           changes->options.items[i].key);
    return 0;
}

// Rotated files that an older max-file allowed. Nobody rotates them meanwhile.
static void remove_surplus(int folder, const char *name, uint32_t most) {
    static const char *const suffixes[] = {"", ".gz"};
    char text[NAME_MAX + 1];
    bool found = true;
    for (uint32_t i = most; found && i < UINT16_MAX; i++) {
        found = false;
        for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
            snprintf(text, sizeof text, "%s.%u%s", name, i, suffixes[k]);
            found |= !unlinkat(folder, text, 0);
        }
    }
}

static void trim(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct log_file_options *files) {
    struct err ignored;
    _cleanup_(fd_closep) int folder = container_folder_open(engine, container->id, &ignored);
    if (folder < 0 || fd_lock(folder, LOCK_EX)) return;
    remove_surplus(folder, log_file_name(arena, container->id, files), files->max_files);
}

int log_apply(struct engine *engine, const struct container *container, const struct container_log *log,
              struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct log_file_options files;
    uint64_t budget;
    if (log_file_options(log, &files, err) || log_budget(&budget, err) ||
        container_plan_map(engine, container->id, &plan, err))
        return -1;
    plan->log.drops = str_eq(container_log_option(log, "mode"), "non-blocking");
    if (files.none) return 0;
    plan->log.max_bytes = files.max_bytes;
    plan->log.max_files = files.max_files;
    plan->log.tells = budget || files.compress;
    trim(engine, &arena, container, &files);
    return 0;
}
