// SPDX-License-Identifier: Apache-2.0
// container prune, and system prune: what the separate prunes remove, one after the other.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/store_filter.h"
#include "engine/networks.h"
#include "engine/prune.h"
#include "engine/volume.h"

#include <stdio.h>

// container prune

struct container_prune_flags {
    struct strings filters;
    bool force;
};

static const struct option container_rows[] = {
    {"filter", 0, "filter", "Provide filter values (e.g. \"until=<timestamp>\")", store_filter,
     offsetof(struct container_prune_flags, filters), "until=|label=|label!="},
    {"force", 'f', NULL, "Do not prompt for confirmation", store_flag,
     offsetof(struct container_prune_flags, force)},
};
const struct option_table container_prune_options_table =
    OPTIONS(container_rows, struct container_prune_flags);

static int prune_containers(struct invocation *invocation, struct engine *engine,
                            const struct strings *filters, uint64_t *bytes, struct err *err) {
    struct container_pruned pruned;
    if (container_prune(engine, &invocation->arena, filters, &pruned, err)) return -1;
    print_pruned("Deleted Containers:", &pruned.ids);
    *bytes += pruned.bytes;
    return 0;
}

static void print_total(uint64_t bytes) {
    char size[16];
    printf("Total reclaimed space: %s\n", format_size(bytes, size));
}

int run_container_prune(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct container_prune_flags *flags = invocation->options;
    uint64_t bytes = 0;
    if (!flags->force && !confirm("This will remove all stopped containers.")) return 0;
    if (prune_containers(invocation, engine, &flags->filters, &bytes, err)) return -1;
    print_total(bytes);
    return 0;
}

// system prune

struct system_prune_flags {
    bool all, force, volumes;
    struct strings filters;
};

#define AT(member) offsetof(struct system_prune_flags, member)

static const struct option system_rows[] = {
    {"all", 'a', NULL, "Remove all unused images not just dangling ones", store_flag, AT(all)},
    {"filter", 0, "filter", "Provide filter values (e.g. \"label=<key>=<value>\")", store_filter, AT(filters),
     "until=|label=|label!="},
    {"force", 'f', NULL, "Do not prompt for confirmation", store_flag, AT(force)},
    {"volumes", 0, NULL, "Prune anonymous volumes", store_flag, AT(volumes)},
};
const struct option_table system_prune_options_table = OPTIONS(system_rows, struct system_prune_flags);

static int prune_images(struct invocation *invocation, struct engine *engine, const struct strings *filters,
                        uint64_t *bytes, struct err *err) {
    const struct system_prune_flags *flags = invocation->options;
    const struct image_prune_options options = {.all = flags->all, .filters = *filters};
    struct image_pruned pruned;
    if (image_prune(&engine->store, &invocation->arena, &options, &pruned, err)) return -1;
    print_pruned("Deleted Images:", &pruned.lines);
    *bytes += pruned.bytes;
    return 0;
}

static int prune_volumes(struct invocation *invocation, struct engine *engine, const struct strings *filters,
                         uint64_t *bytes, struct err *err) {
    const struct volume_prune_options options = {.filters = *filters};
    struct volume_pruned pruned;
    if (volume_prune(engine, &invocation->arena, &options, &pruned, err)) return -1;
    print_pruned("Deleted Volumes:", &pruned.names);
    *bytes += pruned.bytes;
    return 0;
}

static int prune_networks(struct invocation *invocation, struct engine *engine, const struct strings *filters,
                          uint64_t *bytes, struct err *err) {
    struct strings names;
    (void)bytes;
    if (networks_prune(engine, &invocation->arena, filters, &names, err)) return -1;
    print_pruned("Deleted Networks:", &names);
    return 0;
}

// What is pruned, in this order. The warning with --all; NULL: the same.
static const struct {
    const char *warning, *warning_all;
    bool volumes; // only with --volumes
    int (*prune)(struct invocation *invocation, struct engine *engine, const struct strings *filters,
                 uint64_t *bytes, struct err *err);
} parts[] = {
    {"all stopped containers", NULL, false, prune_containers},
    {"all networks not used by at least one container", NULL, false, prune_networks},
    {"all anonymous volumes not used by at least one container", NULL, true, prune_volumes},
    {"all dangling images", "all images without at least one container associated to them", false,
     prune_images},
};

static bool has_part(const struct system_prune_flags *flags, size_t i) {
    return flags->volumes || !parts[i].volumes;
}

static bool confirm_all(const struct system_prune_flags *flags) {
    _cleanup_(str_finish) struct str text = {0};
    str_add(&text, "This will remove:\n");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (has_part(flags, i))
            str_printf(&text, "  - %s\n",
                       flags->all && parts[i].warning_all ? parts[i].warning_all : parts[i].warning);
    if (flags->filters.count) str_add(&text, "\n  Items to be pruned will be filtered with:\n");
    for (size_t i = 0; i < flags->filters.count; i++) str_printf(&text, "  - %s\n", flags->filters.items[i]);
    return confirm(str_get(&text));
}

int run_system_prune(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct system_prune_flags *flags = invocation->options;
    uint64_t bytes = 0;
    for (size_t i = 0; i < flags->filters.count; i++)
        if (flags->volumes && str_has_prefix(flags->filters.items[i], "until="))
            return err_set(err, ERR_INVALID, 0, "The \"until\" filter is not supported with \"--volumes\"");
    if (!flags->force && !confirm_all(flags)) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (has_part(flags, i) && parts[i].prune(invocation, engine, &flags->filters, &bytes, err)) return -1;
    print_total(bytes);
    return 0;
}
