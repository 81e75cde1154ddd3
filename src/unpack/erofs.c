// SPDX-License-Identifier: Apache-2.0
// The EROFS writer. The image, from its start:
//
//     1024             the superblock, 128 bytes
//     1152             a slot of 128 bytes for every device
//     then             inodes, 64 bytes each (the "extended" form) and on 32-byte places: an inode's number
//     is
//                      its offset / 32. Behind each its xattrs; then a regular file's chunk indexes (device
//                      and block where its bytes begin), or the last part of a directory or link ("inline",
//                      it may not cross a block's end)
//     whole blocks     the rest of directories and long links
//
// Inodes stand in breadth-first order, so what a directory lists lies together. Three passes over that list:
// find the sizes and so every offset; write the inodes; write the blocks. Nothing but the list and one
// directory is kept in memory, and the file is written from front to end.
//
// A directory is blocks, each with its entries (12 bytes: number, where the name is, type) and then their
// names; "." and ".." stand among them in the order of bytes. A regular file is one chunk, whose size is the
// smallest power of two that covers it; one with holes is as many as it takes that each is all hole or all
// bytes.
#include "unpack/erofs.h"
#include "base/fd.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUPER_OFFSET  1024
#define SUPER_SIZE    128
#define SUPER_MAGIC   0xe0f5e1e2u
#define SLOT_SIZE     128
#define INODE_SIZE    64
#define NUMBER_SHIFT  5
#define DIRENT_SIZE   12
#define CHUNK_SIZE    8
#define COMPAT_MTIME  0x2u
#define CHUNKED_FILE  0x4u // feature_incompat
#define DEVICE_TABLE  0x8u
#define CHUNK_INDEXES 0x20u
#define CHUNK_BITS    31u        // of blocks, in the format's 5 bits
#define NO_BLOCK      UINT32_MAX // of a chunk that is a hole

enum layout { LAYOUT_PLAIN = 0, LAYOUT_INLINE = 2, LAYOUT_CHUNKS = 4 };

struct super_block {
    uint32_t magic, checksum, feature_compat;
    uint8_t block_bits, extension_slots;
    uint16_t root_number;
    uint64_t inodes, build_time;
    uint32_t build_time_ns, blocks, meta_block, xattr_block;
    uint8_t uuid[16], volume_name[16];
    uint32_t feature_incompat;
    uint16_t compression, devices, device_slot;
    uint8_t directory_bits, xattr_prefixes;
    uint32_t xattr_prefix_start;
    uint64_t packed_number;
    uint8_t reserved[24];
} __attribute__((packed));

struct device_slot {
    uint8_t tag[64];
    uint32_t blocks, mapped_block;
    uint8_t reserved[56];
} __attribute__((packed));

struct disk_inode {
    uint16_t format, xattr_count, mode, reserved;
    uint64_t size;
    uint32_t data; // of a directory or link its block; of a device its number; of a file the chunk format
    uint32_t inode, uid, gid;
    uint64_t mtime_s;
    uint32_t mtime_ns, links;
    uint8_t reserved2[16];
} __attribute__((packed));

struct disk_chunk {
    uint16_t advise, device;
    uint32_t block;
} __attribute__((packed));

struct disk_dirent {
    uint64_t number;
    uint16_t name_offset;
    uint8_t type, reserved;
} __attribute__((packed));

struct disk_xattr_header {
    uint32_t filter;
    uint8_t shared_count, reserved[7];
} __attribute__((packed));

struct disk_xattr {
    uint8_t name_length, name_index;
    uint16_t value_size;
} __attribute__((packed));

_Static_assert(sizeof(struct super_block) == SUPER_SIZE, "the format's superblock");
_Static_assert(sizeof(struct device_slot) == SLOT_SIZE, "the format's device slot");
_Static_assert(sizeof(struct disk_inode) == INODE_SIZE, "the format's extended inode");
_Static_assert(sizeof(struct disk_chunk) == CHUNK_SIZE, "the format's chunk index");
_Static_assert(sizeof(struct disk_dirent) == DIRENT_SIZE, "the format's directory entry");
_Static_assert(sizeof(struct disk_xattr_header) == 12 && sizeof(struct disk_xattr) == 4,
               "the format's xattrs");

// What is to be written of a node, in the order of the image.
struct item {
    struct tree_node *node, *parent;
    uint64_t size;  // of its data as the inode says
    uint64_t block; // the first of its whole blocks
    uint32_t xattrs;
    uint32_t inlined; // bytes of data behind the inode
};

struct writer {
    int fd;
    unsigned block_bits;
    uint32_t block_size;
    size_t devices;
    struct item *items;
    size_t count, capacity;
    uint64_t at; // bytes written
    size_t buffered;
    int error;
    uint8_t *scratch; // a directory's data
    size_t scratch_size;
    uint8_t buffer[1 << 16];
};

static void writer_finish(struct writer *w) {
    free(w->items);
    free(w->scratch);
}

static void flush(struct writer *w) {
    if (!w->error) w->error = fd_write_all(w->fd, w->buffer, w->buffered);
    w->buffered = 0;
}

static void put(struct writer *w, const void *bytes, size_t size) {
    w->at += size;
    while (size) {
        size_t n = sizeof w->buffer - w->buffered < size ? sizeof w->buffer - w->buffered : size;
        memcpy(w->buffer + w->buffered, bytes, n);
        w->buffered += n;
        bytes = (const uint8_t *)bytes + n;
        size -= n;
        if (w->buffered == sizeof w->buffer) flush(w);
    }
}

static void put_zeros_to(struct writer *w, uint64_t offset) {
    static const uint8_t zeros[512];
    while (w->at < offset) {
        uint64_t n = offset - w->at;
        put(w, zeros, n < sizeof zeros ? (size_t)n : sizeof zeros);
    }
}

static uint64_t round_up(uint64_t n, uint64_t to) {
    return (n + to - 1) / to * to;
}

// Xattrs

static const struct xattr_prefix {
    const char *prefix;
    uint8_t index;
    bool whole; // the prefix is the name
} prefixes[] = {
    {"user.", 1, false},
    {"system.posix_acl_access", 2, true},
    {"system.posix_acl_default", 3, true},
    {"trusted.", 4, false},
    {"security.", 6, false},
};

static const struct xattr_prefix *find_prefix(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        size_t length = strlen(prefixes[i].prefix);
        if (strncmp(name, prefixes[i].prefix, length) == 0 && (!prefixes[i].whole || !name[length]))
            return &prefixes[i];
    }
    return NULL;
}

static uint32_t xattrs_size(const struct tree_node *node) {
    uint32_t size = 0;
    for (const struct tree_xattr *xattr = node->xattrs; xattr; xattr = xattr->next) {
        const struct xattr_prefix *prefix = find_prefix(xattr->name);
        if (!prefix) continue;
        size_t name = strlen(xattr->name) - strlen(prefix->prefix);
        size += (uint32_t)round_up(sizeof(struct disk_xattr) + name + xattr->size, 4);
    }
    return size ? size + (uint32_t)sizeof(struct disk_xattr_header) : 0;
}

static void put_xattrs(struct writer *w, const struct item *item) {
    if (!item->xattrs) return;
    put(w, &(struct disk_xattr_header){0}, sizeof(struct disk_xattr_header));
    for (const struct tree_xattr *xattr = item->node->xattrs; xattr; xattr = xattr->next) {
        const struct xattr_prefix *prefix = find_prefix(xattr->name);
        if (!prefix) continue;
        const char *name = xattr->name + strlen(prefix->prefix);
        struct disk_xattr entry = {
            .name_length = (uint8_t)strlen(name),
            .name_index = prefix->index,
            .value_size = htole16((uint16_t)xattr->size),
        };
        put(w, &entry, sizeof entry);
        put(w, name, entry.name_length);
        put(w, xattr->value, xattr->size);
        put_zeros_to(w, round_up(w->at, 4));
    }
}

// Directories

// The entries of a directory in the order of bytes, "." and ".." among them.
struct listing {
    const struct tree_node *directory, *parent;
    size_t next; // of the children
    unsigned dots;
};

static bool listing_next(struct listing *l, const char **ret_name, const struct tree_node **ret_node) {
    static const char *const dot_names[] = {".", ".."};
    const struct tree_entries *children = &l->directory->children;
    bool child = l->next < children->count;
    if (!child && l->dots == 2) return false;
    if (l->dots < 2 && (!child || strcmp(children->items[l->next].name, dot_names[l->dots]) > 0)) {
        *ret_name = dot_names[l->dots];
        *ret_node = l->dots++ ? l->parent : l->directory;
        return true;
    }
    *ret_name = children->items[l->next].name;
    *ret_node = children->items[l->next++].node;
    return true;
}

static uint8_t file_type(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return 1;
    case S_IFDIR: return 2;
    case S_IFCHR: return 3;
    case S_IFBLK: return 4;
    case S_IFIFO: return 5;
    case S_IFSOCK: return 6;
    case S_IFLNK: return 7;
    default: return 0;
    }
}

static void write_block(uint8_t *block, const char *const *names, const struct tree_node *const *nodes,
                        size_t count) {
    size_t name_offset = count * DIRENT_SIZE;
    for (size_t i = 0; i < count; i++) {
        struct disk_dirent dirent = {
            .number = htole64(nodes[i]->number),
            .name_offset = htole16((uint16_t)name_offset),
            .type = file_type(nodes[i]->mode),
        };
        size_t length = strlen(names[i]);
        memcpy(block + i * DIRENT_SIZE, &dirent, sizeof dirent);
        memcpy(block + name_offset, names[i], length);
        name_offset += length;
    }
}

// The data of a directory: its size, and into bytes (may be NULL) the data itself.
static uint64_t make_directory(const struct writer *w, const struct item *item, uint8_t *bytes) {
    const char *names[4096 / DIRENT_SIZE], *name;
    const struct tree_node *nodes[4096 / DIRENT_SIZE], *node;
    struct listing listing = {.directory = item->node, .parent = item->parent};
    uint64_t offset = 0; // of the block that is being filled
    size_t count = 0, used = 0;
    while (listing_next(&listing, &name, &node)) {
        size_t size = DIRENT_SIZE + strlen(name);
        if (used + size > w->block_size) {
            if (bytes) write_block(bytes + offset, names, nodes, count);
            offset += w->block_size;
            count = used = 0;
        }
        names[count] = name;
        nodes[count++] = node;
        used += size;
    }
    if (bytes) write_block(bytes + offset, names, nodes, count);
    return offset + used;
}

static const uint8_t *item_data(struct writer *w, const struct item *item) {
    if (S_ISLNK(item->node->mode)) return (const uint8_t *)item->node->target;
    size_t size = (size_t)round_up(item->size, w->block_size); // a directory has two names at least
    if (!w->scratch || size > w->scratch_size) {
        w->scratch = xrealloc(w->scratch, size);
        w->scratch_size = size;
    }
    memset(w->scratch, 0, size);
    make_directory(w, item, w->scratch);
    return w->scratch;
}

// The first pass

static void add_item(struct writer *w, struct tree_node *node, struct tree_node *parent) {
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? w->capacity * 2 : 1024;
        w->items = xrealloc(w->items, w->capacity * sizeof *w->items);
    }
    w->items[w->count++] = (struct item){.node = node, .parent = parent};
    node->number = UINT64_MAX; // is in the list
}

static void clear_numbers(struct tree_node *node) {
    node->number = 0;
    for (size_t i = 0; i < node->children.count; i++) clear_numbers(node->children.items[i].node);
}

static void list_items(struct writer *w, struct tree *tree) {
    clear_numbers(tree->root);
    add_item(w, tree->root, tree->root);
    for (size_t i = 0; i < w->count; i++) {
        struct tree_node *node = w->items[i].node;
        for (size_t j = 0; j < node->children.count; j++)
            if (!node->children.items[j].node->number) add_item(w, node->children.items[j].node, node);
    }
}

static bool has_blocks(const struct tree_node *node) {
    return S_ISDIR(node->mode) || S_ISLNK(node->mode);
}

static unsigned chunk_bits(const struct writer *w, const struct tree_node *node) {
    unsigned bits = 0;
    if (node->runs) return node->runs->bits < w->block_bits ? 0 : node->runs->bits - w->block_bits;
    while (bits < CHUNK_BITS && ((uint64_t)1 << (bits + w->block_bits)) < node->size) bits++;
    return bits;
}

static uint64_t chunk_size(const struct writer *w, const struct tree_node *node) {
    return (uint64_t)1 << (chunk_bits(w, node) + w->block_bits);
}

// Where the inode goes, at or after offset, and what is behind it. Returns the end.
static uint64_t place_item(const struct writer *w, struct item *item, uint64_t offset) {
    struct tree_node *node = item->node;
    offset = round_up(offset, 1 << NUMBER_SHIFT);
    uint64_t head = INODE_SIZE + item->xattrs;
    if (S_ISREG(node->mode)) {
        node->number = offset >> NUMBER_SHIFT;
        uint64_t size = chunk_size(w, node), chunks = (node->size + size - 1) / size;
        return chunks ? round_up(offset + head, CHUNK_SIZE) + chunks * CHUNK_SIZE : offset + head;
    }
    if (has_blocks(node)) {
        uint64_t tail = item->size % w->block_size;
        // What does not fit behind the inode within a block gets a block of its own.
        bool fits = tail && head % w->block_size + tail <= w->block_size;
        item->inlined = fits ? (uint32_t)tail : 0;
        if (fits && (offset + head) % w->block_size + tail > w->block_size)
            offset = round_up(offset, w->block_size);
    }
    node->number = offset >> NUMBER_SHIFT;
    return offset + head + item->inlined;
}

// Returns the number of blocks of the whole image.
static uint64_t place_items(struct writer *w, uint64_t offset) {
    for (size_t i = 0; i < w->count; i++) {
        struct item *item = &w->items[i];
        item->xattrs = xattrs_size(item->node);
        item->size = S_ISREG(item->node->mode)   ? item->node->size
                     : S_ISLNK(item->node->mode) ? strlen(item->node->target)
                     : S_ISDIR(item->node->mode) ? make_directory(w, item, NULL)
                                                 : 0;
        offset = place_item(w, item, offset);
    }
    uint64_t block = round_up(offset, w->block_size) >> w->block_bits;
    for (size_t i = 0; i < w->count; i++) {
        struct item *item = &w->items[i];
        if (!has_blocks(item->node)) continue;
        item->block = block;
        block += round_up(item->size - item->inlined, w->block_size) >> w->block_bits;
    }
    return block;
}

// The second pass

static uint32_t encode_device(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static void put_inode(struct writer *w, const struct item *item) {
    const struct tree_node *node = item->node;
    enum layout layout = LAYOUT_PLAIN;
    uint32_t data = 0;
    if (S_ISREG(node->mode) && node->size) {
        layout = LAYOUT_CHUNKS;
        data = CHUNK_INDEXES | chunk_bits(w, node);
    } else if (has_blocks(node)) {
        layout = item->inlined ? LAYOUT_INLINE : LAYOUT_PLAIN;
        data = (uint32_t)item->block;
    } else if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
        data = encode_device(node->rdev_major, node->rdev_minor);
    }
    uint32_t xattr_count =
        item->xattrs ? (item->xattrs - (uint32_t)sizeof(struct disk_xattr_header)) / 4 + 1 : 0;
    struct disk_inode inode = {
        .format = htole16((uint16_t)(1u | (unsigned)layout << 1)),
        .xattr_count = htole16((uint16_t)xattr_count),
        .mode = htole16((uint16_t)node->mode),
        .size = htole64(item->size),
        .data = htole32(data),
        .inode = htole32((uint32_t)(item - w->items) + 1),
        .uid = htole32(node->uid),
        .gid = htole32(node->gid),
        .mtime_s = htole64((uint64_t)node->mtime_s),
        .mtime_ns = htole32(node->mtime_ns),
        .links = htole32(node->links ? node->links : 1),
    };
    put_zeros_to(w, node->number << NUMBER_SHIFT);
    put(w, &inode, sizeof inode);
    put_xattrs(w, item);
}

static void put_chunk(struct writer *w, const struct tree_node *node, uint64_t offset) {
    struct disk_chunk chunk = {
        .device = htole16((uint16_t)(node->layer + 1)),
        .block = htole32((uint32_t)(offset >> w->block_bits)),
    };
    put(w, &chunk, sizeof chunk);
}

static void put_chunks(struct writer *w, const struct tree_node *node) {
    static const struct disk_chunk hole = {.block = NO_BLOCK};
    const struct tree_runs *runs = node->runs;
    uint64_t from = node->offset; // of the run
    put_zeros_to(w, round_up(w->at, CHUNK_SIZE));
    if (!runs) return put_chunk(w, node, from);
    size_t i = 0;
    for (uint64_t at = 0; at < node->size; at += chunk_size(w, node)) {
        for (; i < runs->count && at >= runs->items[i].at + runs->items[i].size; i++)
            from += runs->items[i].size;
        if (i < runs->count && at >= runs->items[i].at)
            put_chunk(w, node, from + (at - runs->items[i].at));
        else
            put(w, &hole, sizeof hole);
    }
}

static void put_items(struct writer *w) {
    for (size_t i = 0; i < w->count; i++) {
        const struct item *item = &w->items[i];
        put_inode(w, item);
        if (S_ISREG(item->node->mode) && item->node->size) put_chunks(w, item->node);
        if (item->inlined) put(w, item_data(w, item) + (item->size - item->inlined), item->inlined);
    }
}

static void put_blocks(struct writer *w) {
    for (size_t i = 0; i < w->count; i++) {
        const struct item *item = &w->items[i];
        if (!has_blocks(item->node) || item->size == item->inlined) continue;
        put_zeros_to(w, item->block << w->block_bits);
        put(w, item_data(w, item), (size_t)(item->size - item->inlined));
    }
    put_zeros_to(w, round_up(w->at, w->block_size));
}

// The whole

static void put_super(struct writer *w, const uint64_t *device_blocks, uint64_t blocks) {
    struct super_block super = {
        .magic = htole32(SUPER_MAGIC),
        .feature_compat = htole32(COMPAT_MTIME),
        .block_bits = (uint8_t)w->block_bits,
        .root_number = htole16((uint16_t)w->items[0].node->number),
        .inodes = htole64(w->count),
        .blocks = htole32((uint32_t)blocks),
        .feature_incompat = htole32(CHUNKED_FILE | (w->devices ? DEVICE_TABLE : 0)),
        .devices = htole16((uint16_t)w->devices),
        .device_slot = htole16(w->devices ? (SUPER_OFFSET + SUPER_SIZE) / SLOT_SIZE : 0),
    };
    put_zeros_to(w, SUPER_OFFSET);
    put(w, &super, sizeof super);
    for (size_t i = 0; i < w->devices; i++) {
        struct device_slot slot = {.blocks = htole32((uint32_t)(device_blocks[i] >> (w->block_bits - 9)))};
        put(w, &slot, sizeof slot);
    }
}

static int check(const struct writer *w, const uint64_t *device_blocks, uint64_t blocks, struct err *err) {
    for (size_t i = 0; i < w->devices; i++)
        if (device_blocks[i] > UINT32_MAX)
            return err_set(err, ERR_INVALID, 0, "layer %zu has more than 2 TiB", i + 1);
    if (blocks > UINT32_MAX)
        return err_set(err, ERR_INVALID, 0, "the image's index would have more than 2 TiB");
    for (size_t i = 0; i < w->count; i++)
        if (S_ISREG(w->items[i].node->mode) && w->items[i].node->layer >= w->devices && w->items[i].size)
            return err_set(err, ERR_INVALID, 0, "a file's layer is not among the image's");
    return 0;
}

int erofs_write_blocks(struct tree *tree, const uint64_t *device_blocks, size_t devices, unsigned block_bits,
                       int fd, struct err *err) {
    if (devices > EROFS_DEVICES_MAX)
        return err_set(err, ERR_INVALID, 0, "the image has more than %d layers", EROFS_DEVICES_MAX);
    struct writer *w = xmalloc(sizeof *w);
    *w = (struct writer){
        .fd = fd, .block_bits = block_bits, .block_size = 1u << block_bits, .devices = devices};
    list_items(w, tree);
    uint64_t blocks = place_items(w, SUPER_OFFSET + SUPER_SIZE + devices * SLOT_SIZE);
    int r = check(w, device_blocks, blocks, err);
    if (!r) {
        put_super(w, device_blocks, blocks);
        put_items(w);
        put_blocks(w);
        flush(w);
        if (w->error) r = err_set(err, ERR_SYSTEM, -w->error, "write the image's index");
    }
    writer_finish(w);
    free(w);
    return r;
}

int erofs_write(struct tree *tree, const uint64_t *device_blocks, size_t devices, int fd, struct err *err) {
    return erofs_write_blocks(tree, device_blocks, devices, 9, fd, err);
}
