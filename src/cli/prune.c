// SPDX-License-Identifier: Apache-2.0
// image prune.
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/store_filter.h"

#include <stdio.h>

struct prune_flags {
    struct image_prune_options options;
    bool force;
};

#define AT(member) offsetof(struct prune_flags, member)

static const struct option rows[] = {
    {"all", 'a', NULL, "Remove all unused images, not just dangling ones", store_flag, AT(options.all)},
    {"filter", 0, "filter", "Provide filter values: until, label, label!", store_filter, AT(options.filters)},
    {"force", 'f', NULL, "Do not prompt for confirmation", store_flag, AT(force)},
    {"plan", 0, NULL, "Show what would be removed and how much that frees, and remove nothing", store_flag,
     AT(options.plan)},
};
const struct option_table image_prune_options_table = OPTIONS(rows, struct prune_flags);

bool confirm(const char *warning) {
    printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
    fflush(stdout);
    int answer = getchar();
    for (int c = answer; c != '\n' && c != EOF;) c = getchar();
    return answer == 'y' || answer == 'Y';
}

void print_pruned(const char *title, const struct strings *lines) {
    if (!lines->count) return;
    puts(title);
    for (size_t i = 0; i < lines->count; i++) puts(lines->items[i]);
    putchar('\n');
}

int run_image_prune(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct prune_flags *flags = invocation->options;
    const struct image_prune_options *options = &flags->options;
    struct image_pruned pruned;
    char size[16];
    const char *warning =
        options->all ? "This will remove all images without at least one container associated to them."
                     : "This will remove all dangling images.";
    if (!options->plan && !flags->force && !confirm(warning)) return 0;
    if (image_prune(&engine->store, &invocation->arena, options, &pruned, err)) return -1;
    print_pruned(options->plan ? "Images to delete:" : "Deleted Images:", &pruned.lines);
    printf("Total %s space: %s (%llu bytes)\n", options->plan ? "reclaimable" : "reclaimed",
           format_size(pruned.bytes, size), (unsigned long long)pruned.bytes);
    return 0;
}
