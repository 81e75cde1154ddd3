// SPDX-License-Identifier: Apache-2.0
// Docker puts an "init" layer between an image and a container for this; an index can simply have the names.
#include "unpack/mount_points.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct tree_entry *)a)->name, ((const struct tree_entry *)b)->name);
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
    *arena_push(&tree->arena, &directory->children) = (struct tree_entry){.name = name, .node = node};
    qsort(directory->children.items, directory->children.count, sizeof *directory->children.items,
          compare_names);
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
