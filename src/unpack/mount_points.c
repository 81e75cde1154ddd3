// SPDX-License-Identifier: Apache-2.0
// Docker puts an "init" layer between an image and a container for this; an index can simply have the names.
#include "unpack/mount_points.h"

#include <string.h>
#include <sys/stat.h>

// A merged directory has no room at its end: the list is copied, with the new name in its place.
static void insert(struct tree *tree, struct tree_node *directory, const char *name, struct tree_node *node) {
    struct tree_entries *old = &directory->children;
    struct tree_entries new = {.items = arena_array(&tree->arena, struct tree_entry, old->count + 1)};
    size_t i = 0;
    for (; i < old->count && strcmp(old->items[i].name, name) < 0; i++)
        new.items[new.count++] = old->items[i];
    new.items[new.count++] = (struct tree_entry){.name = name, .node = node};
    for (; i < old->count; i++) new.items[new.count++] = old->items[i];
    *old = new;
}

static struct tree_node *add(struct tree *tree, struct tree_node *directory, const char *name,
                             uint32_t mode) {
    struct tree_entry *entry = tree_find(directory, name, strlen(name));
    if (entry) return entry->node;
    struct tree_node *node = arena_new(&tree->arena, struct tree_node);
    node->mode = mode;
    node->mtime_s = directory->mtime_s;
    node->links = S_ISDIR(mode) ? 2 : 1;
    directory->links += S_ISDIR(mode);
    tree->nodes++;
    insert(tree, directory, name, node);
    return node;
}

void tree_add_mount_points(struct tree *tree) {
    static const char *const directories[] = {"dev", "proc", "sys"};
    static const char *const files[] = {"hostname", "hosts", "resolv.conf"};
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        add(tree, tree->root, directories[i], S_IFDIR | 0755);
    struct tree_node *etc = add(tree, tree->root, "etc", S_IFDIR | 0755);
    if (!S_ISDIR(etc->mode)) return; // an image may have a link there: then the mount makes what it needs
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) add(tree, etc, files[i], S_IFREG | 0644);
}
