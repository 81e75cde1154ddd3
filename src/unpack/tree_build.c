// SPDX-License-Identifier: Apache-2.0
#include "unpack/tree_build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tree_build_init(struct tree_build *build) {
    *build = (struct tree_build){0};
    build->tree.root = tree_build_node(build, S_IFDIR | 0755);
    build->tree.root->implicit = true;
}

void tree_build_finish(struct tree_build *build) {
    free(build->slots);
    build->slots = NULL;
    tree_free(&build->tree);
}

struct tree_node *tree_build_node(struct tree_build *build, uint32_t mode) {
    struct tree_node *node = arena_new(&build->tree.arena, struct tree_node);
    node->mode = mode;
    build->tree.nodes++;
    return node;
}

static uint32_t hash_name(const struct tree_node *directory, const char *name, size_t length) {
    uint64_t hash = (uintptr_t)directory * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    return (uint32_t)(hash ^ hash >> 32);
}

// The slot of a name, or the free one where it would be.
static struct tree_slot *find_slot(const struct tree_build *build, const struct tree_node *directory,
                                   const char *name, size_t length, uint32_t hash) {
    for (size_t i = hash;; i++) {
        struct tree_slot *slot = &build->slots[i & (build->slot_count - 1)];
        if (!slot->directory) return slot;
        if (slot->hash != hash || slot->directory != directory) continue;
        const char *other = directory->children.items[slot->index].name;
        if (strncmp(other, name, length) == 0 && !other[length]) return slot;
    }
}

struct tree_entry *tree_build_find(const struct tree_build *build, const struct tree_node *directory,
                                   const char *name, size_t length) {
    if (!build->slot_count) return NULL;
    struct tree_slot *slot = find_slot(build, directory, name, length, hash_name(directory, name, length));
    return slot->directory ? &directory->children.items[slot->index] : NULL;
}

static void grow(struct tree_build *build) {
    struct tree_slot *old = build->slots;
    size_t old_count = build->slot_count;
    build->slot_count = old_count ? old_count * 2 : 1024;
    build->slots = xmalloc(build->slot_count * sizeof *build->slots);
    memset(build->slots, 0, build->slot_count * sizeof *build->slots);
    for (size_t i = 0; i < old_count; i++) {
        if (!old[i].directory) continue;
        size_t at = old[i].hash;
        while (build->slots[at & (build->slot_count - 1)].directory) at++;
        build->slots[at & (build->slot_count - 1)] = old[i];
    }
    free(old);
}

struct tree_entry *tree_build_add(struct tree_build *build, struct tree_node *directory, const char *name,
                                  size_t length) {
    if (build->slots_used * 2 >= build->slot_count) grow(build);
    uint32_t hash = hash_name(directory, name, length);
    struct tree_slot *slot = find_slot(build, directory, name, length, hash);
    if (slot->directory) return &directory->children.items[slot->index];
    *slot = (struct tree_slot){directory, (uint32_t)directory->children.count, hash};
    build->slots_used++;
    build->text += length;
    struct tree_entry *entry = arena_push(&build->tree.arena, &directory->children);
    entry->name = arena_strndup(&build->tree.arena, name, length);
    return entry;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct tree_entry *)a)->name, ((const struct tree_entry *)b)->name);
}

// In an opaque directory nothing is left to hide. overlayfs would even list the whiteouts.
static void drop_hidden(struct tree_node *directory) {
    struct tree_entries *children = &directory->children;
    size_t kept = 0;
    for (size_t i = 0; i < children->count; i++)
        if (!children->items[i].node->whiteout) children->items[kept++] = children->items[i];
    children->count = kept;
}

static void sort(struct tree_node *directory, bool hidden) {
    struct tree_entries *children = &directory->children;
    hidden = hidden || directory->opaque;
    if (hidden) drop_hidden(directory);
    if (children->count) qsort(children->items, children->count, sizeof *children->items, compare_names);
    for (size_t i = 0; i < children->count; i++)
        if (S_ISDIR(children->items[i].node->mode)) sort(children->items[i].node, hidden);
}

void tree_build_take(struct tree_build *build, struct tree *ret_tree) {
    sort(build->tree.root, false);
    *ret_tree = build->tree;
    build->tree = (struct tree){0};
}
