// SPDX-License-Identifier: Apache-2.0
#include "unpack/pack.h"

#include "base/fd.h"
#include "base/tar_header.h"
#include "unpack/inode.h"
#include "unpack/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES (256u << 10)
#define WHITEOUT   ".wh."
#define OPAQUE     ".wh..wh..opq"

struct packer {
    int root;
    const char *name; // what the first `base` bytes of a path are called in the tar; NULL: themselves
    size_t base;
    struct tar_writer *writer;
    uint64_t bytes;     // of headers and files, as a plain ustar has them
    struct arena arena; // of the links' paths
    struct link {
        dev_t dev;
        ino_t ino;
        const char *path; // NULL: an empty slot
    } * links;            // files with several names: open addressing, a power of two, at most half full
    size_t link_slots, link_count;
    unsigned char *buffer;
    struct err *err;
};

static void packer_finish(struct packer *p) {
    arena_finish(&p->arena);
    free(p->links);
    free(p->buffer);
}

static int cannot_read(const struct packer *p, const char *path, int error) {
    char shown[PATH_SHOWN];
    return err_set(p->err, ERR_SYSTEM, -error, "can't read %s", path_show(path, shown));
}

static int written(const struct packer *p, int r) {
    return r ? err_set(p->err, ERR_SYSTEM, -r, "can't write the tar") : 0;
}

// Hard links

static struct link *link_slot(const struct packer *p, dev_t dev, ino_t ino) {
    size_t i = (size_t)((ino ^ (dev << 7)) * 0x9e3779b97f4a7c15u >> 20) & (p->link_slots - 1);
    while (p->links[i].path && (p->links[i].dev != dev || p->links[i].ino != ino))
        i = (i + 1) & (p->link_slots - 1);
    return &p->links[i];
}

static void links_grow(struct packer *p) {
    struct link *old = p->links;
    size_t count = p->link_slots;
    p->link_slots = count ? 2 * count : 256;
    p->links = xmalloc(p->link_slots * sizeof *p->links);
    memset(p->links, 0, p->link_slots * sizeof *p->links);
    for (size_t i = 0; i < count; i++)
        if (old[i].path) *link_slot(p, old[i].dev, old[i].ino) = old[i];
    free(old);
}

static const char *name_of(const struct packer *p, struct arena *arena, const char *path) {
    return p->name ? arena_printf(arena, "%s%s", p->name, path + p->base) : path;
}

// The first name of a file that has several, when it was another.
static int link_find(struct packer *p, const struct inode *inode, const char *path, const char **ret_first) {
    *ret_first = NULL;
    if (S_ISDIR(inode->stat.st_mode) || inode->stat.st_nlink < 2) return 0;
    if (p->link_count >= TREE_NODES_MAX)
        return err_set(p->err, ERR_INVALID, 0, "there are more than %u files with hard links",
                       TREE_NODES_MAX);
    if (2 * (p->link_count + 1) > p->link_slots) links_grow(p);
    struct link *link = link_slot(p, inode->stat.st_dev, inode->stat.st_ino);
    *ret_first = link->path;
    if (link->path) return 0;
    *link = (struct link){inode->stat.st_dev, inode->stat.st_ino, arena_strdup(&p->arena, path)};
    p->link_count++;
    return 0;
}

// Members

static int put_bytes(struct packer *p, const char *path, int fd) {
    bool short_of = false;
    while (p->writer->left) {
        size_t want = p->writer->left < COPY_BYTES ? (size_t)p->writer->left : COPY_BYTES;
        ssize_t n = short_of ? 0 : fd_read_full(fd, p->buffer, want);
        if (n < 0) return cannot_read(p, path, (int)n);
        if ((size_t)n < want) {
            short_of = true; // it was cut meanwhile: the header has told its size
            memset(p->buffer + n, 0, want - (size_t)n);
        }
        if (written(p, tar_write_bytes(p->writer, p->buffer, want))) return -1;
    }
    return 0;
}

// 1 of a directory.
static int put_file(struct packer *p, const char *path) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int fd = -1;
    struct inode inode;
    const char *first;
    int r = inode_read(p->root, path, &arena, &inode, &fd);
    if (r < 0) return cannot_read(p, path, r);
    if (!r || S_ISSOCK(inode.stat.st_mode)) return 0;
    const char *name = name_of(p, &arena, path);
    if (link_find(p, &inode, name, &first)) return -1;
    if (written(p, tar_write_header(p->writer, name, &inode.node, first))) return -1;
    p->bytes += TAR_HEADER_SIZE + p->writer->size + tar_padding(p->writer->size);
    if (S_ISDIR(inode.stat.st_mode)) return 1;
    return first || !S_ISREG(inode.stat.st_mode) ? 0 : put_bytes(p, path, fd);
}

static int put_directory(struct packer *p, const char *directory) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings names = {0};
    int r = directory_list(p->root, directory, &arena, &names);
    if (r < 0) return cannot_read(p, directory, r);
    for (size_t i = 0; i < names.count; i++) {
        const char *path =
            *directory ? arena_printf(&arena, "%s/%s", directory, names.items[i]) : names.items[i];
        r = put_file(p, path);
        if (r < 0 || (r && put_directory(p, path))) return -1;
    }
    return 0;
}

static void packer_init(struct packer *p, int root, struct tar_writer *writer, struct err *err) {
    *p = (struct packer){.root = root, .writer = writer, .buffer = xmalloc(COPY_BYTES), .err = err};
}

int pack_tree(int root, struct tar_writer *writer, struct err *err) {
    _cleanup_(packer_finish) struct packer p;
    packer_init(&p, root, writer, err);
    return put_directory(&p, "") || written(&p, tar_write_end(writer)) ? -1 : 0;
}

static int digest_add(void *data, const void *bytes, size_t size) {
    hash_add(data, bytes, size);
    return 0;
}

int pack_digest(int root, char ret_digest[static DIGEST_SIZE], struct err *err) {
    _cleanup_(hash_freep) struct hash *hash = hash_new();
    struct tar_writer writer = {.write = digest_add, .data = hash};
    if (pack_tree(root, &writer, err)) return -1;
    hash_end(hash, ret_digest);
    return 0;
}

int pack_path(int root, const char *path, const char *name, struct tar_writer *writer, uint64_t *ret_bytes,
              struct err *err) {
    _cleanup_(packer_finish) struct packer p;
    packer_init(&p, root, writer, err);
    p.name = name;
    p.base = strlen(path);
    int r = put_file(&p, path);
    if (r < 0) return -1;
    if (!p.bytes) return cannot_read(&p, path, -ENOENT);
    if ((r && put_directory(&p, path)) || written(&p, tar_write_end(writer))) return -1;
    *ret_bytes = p.bytes + 2 * TAR_HEADER_SIZE;
    return 0;
}

// Layers

// An empty file, always the same.
static int put_mark(struct packer *p, const char *directory, const char *mark, const char *name) {
    _cleanup_(str_finish) struct str path = {0};
    const struct tree_node node = {.mode = S_IFREG | 0600};
    str_printf(&path, "%s%s%s%s", directory, *directory ? "/" : "", mark, name);
    return written(p, tar_write_header(p->writer, str_get(&path), &node, NULL));
}

static int put_whiteout(struct packer *p, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return put_mark(p, "", WHITEOUT, path);
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    return put_mark(p, arena_strndup(&arena, path, (size_t)(slash - path)), WHITEOUT, slash + 1);
}

static int check_name(const struct packer *p, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char shown[PATH_SHOWN];
    if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0) return 0;
    return err_set(p->err, ERR_INVALID, 0,
                   "%s can't be in an image: names with \"" WHITEOUT "\" in front mean deleted files there; "
                   "rename it",
                   path_show(path, shown));
}

static int put_change(struct packer *p, const struct change *change) {
    if (change->kind == 'D') return change->hidden ? 0 : put_whiteout(p, change->path);
    if (check_name(p, change->path) || put_file(p, change->path) < 0) return -1;
    return change->opaque ? put_mark(p, change->path, OPAQUE, "") : 0;
}

int pack_layer(int root, const struct changes *changes, struct tar_writer *writer, struct err *err) {
    _cleanup_(packer_finish) struct packer p;
    packer_init(&p, root, writer, err);
    for (size_t i = 0; i < changes->count; i++)
        if (put_change(&p, &changes->items[i])) return -1;
    return written(&p, tar_write_end(writer));
}
