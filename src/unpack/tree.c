// SPDX-License-Identifier: Apache-2.0
// Layers laid over each other. Directories are sorted, so two of them merge in one pass like two lists; what
// a directory of the lower layer keeps is moved, not copied.
//
// Depth: a member's name has at most TREE_NAME_MAX bytes, so a tree has at most half as many levels, and
// recursion is bounded.
#include "unpack/tree.h"
#include "unpack/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tree_free(struct tree *tree) {
    arena_finish(&tree->arena);
    *tree = (struct tree){0};
}

struct tree_entry *tree_find(const struct tree_node *directory, const char *name, size_t length) {
    size_t low = 0, high = directory->children.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct tree_entry *entry = &directory->children.items[middle];
        int order = strncmp(name, entry->name, length);
        if (!order) order = entry->name[length] ? -1 : 0;
        if (!order) return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// A cleaned path, through directories only.
static struct tree_node *find_path(const struct tree_node *root, const char *path) {
    const struct tree_node *node = root;
    struct path_part part = {0};
    while (path_next(&path, &part)) {
        struct tree_entry *entry = S_ISDIR(node->mode) ? tree_find(node, part.name, part.length) : NULL;
        if (!entry) return NULL;
        node = entry->node;
    }
    return (struct tree_node *)node;
}

// Hard links of a layer to what only a lower one has: the extraction of one layer over another would make
// them. Returns -1 with the name that is nowhere.
static int resolve_below(struct tree_node *directory, const struct tree_node *lower, struct err *err) {
    for (size_t i = 0; i < directory->children.count; i++) {
        struct tree_entry *entry = &directory->children.items[i];
        if (S_ISDIR(entry->node->mode) && resolve_below(entry->node, lower, err)) return -1;
        if (!entry->node->below) continue;
        struct tree_node *target = lower ? find_path(lower, entry->node->below) : NULL;
        char shown[PATH_SHOWN];
        if (!target || S_ISDIR(target->mode))
            return err_set(err, ERR_INVALID, 0, "a hard link in the layer leads to %s, which is %s",
                           path_show(entry->node->below, shown),
                           target ? "a directory" : "neither in it nor in a layer below");
        entry->node = target;
    }
    return 0;
}

static void set_layer(struct tree_node *node, uint32_t layer) {
    node->layer = layer;
    for (size_t i = 0; i < node->children.count; i++) set_layer(node->children.items[i].node, layer);
}

// What a directory is that has nothing below it to hide: without its whiteouts.
static void drop_whiteouts(struct tree_node *node) {
    size_t kept = 0;
    for (size_t i = 0; i < node->children.count; i++) {
        struct tree_entry *entry = &node->children.items[i];
        if (entry->node->whiteout) continue;
        if (S_ISDIR(entry->node->mode)) drop_whiteouts(entry->node);
        node->children.items[kept++] = *entry;
    }
    node->children.count = kept;
    node->opaque = false;
}

static void merge_directory(struct arena *arena, const struct tree_node *lower, struct tree_node *upper);

// Both layers have the name: what becomes of it.
static void merge_entry(struct arena *arena, const struct tree_entry *lower, struct tree_entry *upper,
                        struct tree_entries *merged) {
    if (upper->node->whiteout) return;
    if (S_ISDIR(upper->node->mode)) {
        if (S_ISDIR(lower->node->mode) && !upper->node->opaque)
            merge_directory(arena, lower->node, upper->node);
        else
            drop_whiteouts(upper->node);
    }
    merged->items[merged->count++] = *upper;
}

static void merge_upper(struct tree_entry *upper, struct tree_entries *merged) {
    if (upper->node->whiteout) return;
    if (S_ISDIR(upper->node->mode)) drop_whiteouts(upper->node);
    merged->items[merged->count++] = *upper;
}

// The result is in upper. A directory that the upper layer only passes through keeps the lower's metadata.
static void merge_directory(struct arena *arena, const struct tree_node *lower, struct tree_node *upper) {
    struct tree_entries a = lower->children, b = upper->children;
    struct tree_entries merged = {.items = arena_array(arena, struct tree_entry, a.count + b.count)};
    for (size_t i = 0, j = 0; i < a.count || j < b.count;) {
        int order = i == a.count ? 1 : j == b.count ? -1 : strcmp(a.items[i].name, b.items[j].name);
        if (order < 0)
            merged.items[merged.count++] = a.items[i++];
        else if (order > 0)
            merge_upper(&b.items[j++], &merged);
        else
            merge_entry(arena, &a.items[i++], &b.items[j++], &merged);
    }
    if (upper->implicit) *upper = *lower;
    upper->children = merged;
    upper->opaque = false;
}

static void count_links(struct tree *tree, struct tree_node *node) {
    if (!node->links) {
        tree->nodes++;
        if (S_ISREG(node->mode)) tree->bytes += node->size;
    }
    node->links++;
    if (!S_ISDIR(node->mode)) return;
    node->links = 2;
    for (size_t i = 0; i < node->children.count; i++) {
        struct tree_node *child = node->children.items[i].node;
        count_links(tree, child);
        if (S_ISDIR(child->mode)) node->links++;
    }
}

int tree_merge(struct tree *layers, size_t count, struct tree *ret_tree, struct err *err) {
    struct tree merged = {0};
    for (size_t i = 0; i < count; i++) {
        struct tree_node *root = layers[i].root;
        set_layer(root, (uint32_t)i);
        if (layers[i].below && resolve_below(root, merged.root, err)) {
            tree_free(&merged);
            return err_wrap(err, "layer %zu of %zu", i + 1, count);
        }
        arena_join(&merged.arena, &layers[i].arena);
        layers[i] = (struct tree){0};
        if (merged.root && !root->opaque)
            merge_directory(&merged.arena, merged.root, root);
        else
            drop_whiteouts(root);
        merged.root = root;
    }
    if (!merged.root) {
        merged.root = arena_new(&merged.arena, struct tree_node);
        merged.root->mode = S_IFDIR | 0755;
    }
    count_links(&merged, merged.root);
    *ret_tree = merged;
    return 0;
}
