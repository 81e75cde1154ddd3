// SPDX-License-Identifier: Apache-2.0
// A tar's headers into a tree. libarchive reads through a pread of few bytes at a time, and steps over the
// members' data: of a layer only the headers are ever looked at.
//
// Where a member's bytes are: right after its header was read, archive_filter_bytes() is their offset. That
// is checked against where libarchive finds the next header, so a member whose bytes are not one run of the
// tar, nor those that its map tells of (sparse formats that nobody told us of) can't be taken for one.
#include "unpack/inode.h"
#include "unpack/path.h"
#include "unpack/tree_build.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A header, mostly alone, and often the next member's: small files follow each other closely.
#define READ_BYTES 4096
#define BLOCK      512
// archive_errno() of a name that the locale can't express; the header does not tell its name.
#define NAME_NOT_CONVERTED EILSEQ

struct reader {
    const struct tree_source *source;
    struct archive *archive;
    struct tree_build build;
    uint64_t at, size; // where the next read is; how much of the file is known to be there
    uint64_t expected; // where the next header has to be, or 0
    uint64_t data_end; // the end of the last byte that any file has
    uint64_t pieces;   // of files with holes, that no bytes pay for
    int error;         // of reading, or of asking how much there is
    char buffer[READ_BYTES];
};

static void reader_finish(struct reader *reader) {
    if (reader->archive) archive_read_free(reader->archive);
    tree_build_finish(&reader->build);
}

static uint64_t known_size(struct reader *reader, uint64_t upto) {
    if (upto <= reader->size) return reader->size;
    const struct tree_source *source = reader->source;
    struct stat st;
    int64_t size = source->available        ? source->available(source->data, upto)
                   : fstat(source->fd, &st) ? -errno
                                            : st.st_size;
    if (size < 0)
        reader->error = (int)-size;
    else
        reader->size = (uint64_t)size;
    return reader->size;
}

static la_ssize_t read_bytes(struct archive *archive, void *data, const void **ret_bytes) {
    (void)archive;
    struct reader *reader = data;
    uint64_t size = known_size(reader, reader->at + READ_BYTES);
    if (reader->error) return -1;
    if (reader->at >= size) return 0;
    size_t want = size - reader->at < READ_BYTES ? (size_t)(size - reader->at) : READ_BYTES;
    ssize_t n;
    do n = pread(reader->source->fd, reader->buffer, want, (off_t)reader->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) return reader->error = errno, -1;
    reader->at += (uint64_t)n;
    *ret_bytes = reader->buffer;
    return n;
}

static la_int64_t skip_bytes(struct archive *archive, void *data, la_int64_t request) {
    (void)archive;
    struct reader *reader = data;
    uint64_t size = known_size(reader, reader->at + (uint64_t)request);
    uint64_t left = size > reader->at ? size - reader->at : 0;
    uint64_t step = left < (uint64_t)request ? left : (uint64_t)request;
    reader->at += step;
    return (la_int64_t)step;
}

// Members

struct member {
    struct archive_entry *entry;
    const char *name; // as it stands in the tar
    struct err *err;
};

static int refuse(const struct member *member, const char *why) {
    char shown[PATH_SHOWN];
    return err_set(member->err, ERR_INVALID, 0, "the layer's member %s %s", path_show(member->name, shown),
                   why);
}

static int check_parts(const struct member *member, const char *path, const char *dots, const char *what) {
    struct path_part part;
    if (strlen(path) > TREE_NAME_MAX) return refuse(member, what);
    while (path_next(&path, &part)) {
        if (part.length == 2 && memcmp(part.name, "..", 2) == 0) return refuse(member, dots);
        if (part.length > NAME_MAX) return refuse(member, what);
    }
    return 0;
}

// The directory that holds the last part of path, which is made when no member named it; ret_last is empty
// for the root itself.
static int walk(struct tree_build *build, const struct member *member, struct tree_node **ret_directory,
                struct path_part *ret_last) {
    struct tree_node *directory = build->tree.root;
    const char *path = member->name;
    struct path_part part, next;
    *ret_last = (struct path_part){0};
    if (!path_next(&path, &part)) {
        *ret_directory = directory;
        return 0;
    }
    for (; path_next(&path, &next); part = next) {
        struct tree_entry *entry = tree_build_add(build, directory, part.name, part.length);
        if (!entry->node || entry->node->whiteout) {
            struct tree_node *made = tree_build_node(build, S_IFDIR | 0755);
            made->implicit = true;
            made->opaque = entry->node != NULL;
            entry->node = made;
        }
        if (!S_ISDIR(entry->node->mode))
            return refuse(member, S_ISLNK(entry->node->mode)
                                      ? "leads through a symbolic link of the same layer"
                                      : "leads through what is not a directory");
        directory = entry->node;
    }
    *ret_directory = directory;
    *ret_last = part;
    return 0;
}

struct xattrs {
    struct tree_xattr *items;
    size_t count;
};

static int by_name(const void *a, const void *b) {
    const struct tree_xattr *x = *(const struct tree_xattr *const *)a,
                            *y = *(const struct tree_xattr *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

// Sorted, since a header has room for thousands. Of a name that is there twice the first is kept.
static void link_xattrs(struct arena *arena, const struct xattrs *list, struct tree_node *node) {
    struct tree_xattr **sorted = arena_array(arena, struct tree_xattr *, list->count), **end = &node->xattrs;
    for (size_t i = 0; i < list->count; i++) sorted[i] = &list->items[i];
    qsort(sorted, list->count, sizeof *sorted, by_name);
    for (size_t i = 0; i < list->count; i++) {
        if (i && strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) continue;
        *end = sorted[i];
        end = &sorted[i]->next;
    }
}

static int read_xattrs(struct tree_build *build, const struct member *member, struct tree_node *node) {
    struct arena *arena = &build->tree.arena;
    struct xattrs list = {0};
    const char *name;
    const void *value;
    size_t size, total = 0;
    node->xattrs = NULL;
    archive_entry_xattr_reset(member->entry);
    while (archive_entry_xattr_next(member->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!name || !xattr_wanted(name)) continue;
        total += strlen(name) + size;
        if (strlen(name) > NAME_MAX || size > TREE_XATTR_MAX)
            return refuse(member,
                          "has an extended attribute of more than 65535 bytes, which is what EROFS keeps");
        if (total > 2 * TREE_XATTR_MAX)
            return refuse(member, "has extended attributes of more than 131070 bytes together");
        struct tree_xattr *xattr = arena_push(arena, &list);
        xattr->name = arena_strdup(arena, name);
        xattr->size = (uint32_t)size;
        xattr->value = arena_memdup(arena, size ? value : "", size);
    }
    if (list.count) link_xattrs(arena, &list, node); // libarchive gives the last one of a name first
    build->text += total;
    return 0;
}

static int read_metadata(struct tree_build *build, const struct member *member, struct tree_node *node) {
    int64_t uid = archive_entry_uid(member->entry), gid = archive_entry_gid(member->entry);
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return refuse(member, "has an owner that is no number of a user");
    node->mode = (uint32_t)(archive_entry_filetype(member->entry) | archive_entry_perm(member->entry));
    node->uid = (uint32_t)uid;
    node->gid = (uint32_t)gid;
    node->mtime_s = archive_entry_mtime(member->entry);
    long ns = archive_entry_mtime_nsec(member->entry);
    node->mtime_ns = ns < 0 || ns > 999999999 ? 0 : (uint32_t)ns;
    node->implicit = false;
    return read_xattrs(build, member, node);
}

// How large the pieces of a file may be, so that each is all hole or all bytes.
static unsigned piece_bits(uint64_t bounds, uint64_t size) {
    unsigned bits = 9;
    while (!(bounds >> bits & 1) && (uint64_t)1 << bits < size) bits++;
    return bits;
}

static int check_pieces(struct reader *reader, const struct member *member, uint64_t pieces,
                        uint64_t stored) {
    uint64_t paid = stored / 64;
    reader->pieces += pieces > paid ? pieces - paid : 0;
    if (reader->pieces <= TREE_PIECES_MAX) return 0;
    return refuse(member,
                  "is a sparse file with holes that are too fine for its size; make the layer without "
                  "sparse members (tar without -S)");
}

// tar -S: *ret_stored is how many bytes it has in the tar.
static int read_sparse(struct reader *reader, const struct member *member, struct tree_node *node,
                       uint64_t *ret_stored) {
    struct arena *arena = &reader->build.tree.arena;
    uint64_t bounds = 0, stored = 0;
    la_int64_t at, size;
    size_t count = (size_t)archive_entry_sparse_reset(member->entry);
    while (archive_entry_sparse_next(member->entry, &at, &size) == ARCHIVE_OK) {
        uint64_t end = (uint64_t)at + (uint64_t)size;
        if (end > node->size) return refuse(member, "is a sparse file with bytes behind its end");
        if (size) bounds |= (uint64_t)at | (end == node->size ? 0 : end);
        stored += (uint64_t)size;
    }
    if (bounds % BLOCK)
        return refuse(member,
                      "is a sparse file whose holes are not whole blocks of 512 bytes; make the layer "
                      "without sparse members (tar without -S)");
    unsigned bits = piece_bits(bounds, node->size);
    if (check_pieces(reader, member, (node->size + (((uint64_t)1 << bits) - 1)) >> bits, stored)) return -1;
    struct tree_runs *runs = arena_new(arena, struct tree_runs);
    runs->items = arena_array(arena, struct tree_run, count + 1);
    runs->bits = bits;
    archive_entry_sparse_reset(member->entry);
    while (archive_entry_sparse_next(member->entry, &at, &size) == ARCHIVE_OK)
        if (size) runs->items[runs->count++] = (struct tree_run){(uint64_t)at, (uint64_t)size};
    node->runs = runs;
    *ret_stored = stored;
    return 0;
}

// Where its bytes are. No rounding of the end: the last member's padding may be missing.
static int read_file(struct reader *reader, const struct member *member, struct tree_node *node) {
    node->size = (uint64_t)archive_entry_size(member->entry);
    node->offset = (uint64_t)archive_filter_bytes(reader->archive, 0);
    if (node->offset % BLOCK) return refuse(member, "does not begin at a block of the tar");
    uint64_t stored = node->size;
    if (archive_entry_sparse_count(member->entry) && read_sparse(reader, member, node, &stored)) return -1;
    uint64_t end = node->offset + stored;
    reader->expected = (end + BLOCK - 1) / BLOCK * BLOCK;
    if (end > reader->data_end && stored) reader->data_end = end;
    return 0;
}

static int read_device(const struct member *member, struct tree_node *node) {
    node->rdev_major = (uint32_t)archive_entry_rdevmajor(member->entry);
    node->rdev_minor = (uint32_t)archive_entry_rdevminor(member->entry);
    if (node->rdev_major > 0xfff || node->rdev_minor > 0xfffff)
        return refuse(member, "is a device with a number that Linux does not have");
    // overlayfs would take it for one.
    node->whiteout = S_ISCHR(node->mode) && !node->rdev_major && !node->rdev_minor;
    return 0;
}

static int read_symlink(struct tree_build *build, const struct member *member, struct tree_node *node) {
    const char *target = archive_entry_symlink(member->entry);
    if (!target || !*target) return refuse(member, "is a symbolic link to nothing");
    if (strlen(target) >= TREE_NAME_MAX) return refuse(member, "is a symbolic link with too long a target");
    node->target = arena_strdup(&build->tree.arena, target);
    node->mode = S_IFLNK | 0777; // as every link of Linux
    build->text += strlen(target);
    return 0;
}

static int read_node(struct reader *reader, const struct member *member, struct tree_node *node) {
    if (read_metadata(&reader->build, member, node)) return -1;
    switch (node->mode & S_IFMT) {
    case S_IFDIR:
    case S_IFIFO: return 0;
    case S_IFREG: return read_file(reader, member, node);
    case S_IFLNK: return read_symlink(&reader->build, member, node);
    case S_IFCHR:
    case S_IFBLK: return read_device(member, node);
    default: return refuse(member, "is of a kind that hoy does not know");
    }
}

static void put_whiteout(struct tree_build *build, struct tree_node *directory, const char *name,
                         size_t length) {
    struct tree_entry *entry = tree_build_add(build, directory, name, length);
    if (!entry->node) {
        entry->node = tree_build_node(build, S_IFCHR);
        entry->node->whiteout = true;
    } else if (S_ISDIR(entry->node->mode)) {
        entry->node->opaque = true; // the layer's own directory stays, what is below it in others does not
    }
}

// ".wh.name" hides name of the layers below, ".wh..wh..opq" all of a directory; the other ".wh..wh.*" are
// aufs's own business.
static int read_whiteout(struct tree_build *build, const struct member *member, struct tree_node *directory,
                         struct path_part name) {
    static const char opaque[] = ".wh..wh..opq";
    if (name.length == sizeof opaque - 1 && memcmp(name.name, opaque, name.length) == 0) {
        directory->opaque = true;
        return 0;
    }
    if (name.length >= 8 && memcmp(name.name, ".wh..wh.", 8) == 0) return 0;
    const char *hidden = name.name + 4;
    size_t length = name.length - 4;
    if (!length || (length == 1 && hidden[0] == '.') || (length == 2 && memcmp(hidden, "..", 2) == 0))
        return refuse(member, "is a whiteout of nothing");
    put_whiteout(build, directory, hidden, length);
    return 0;
}

// The entry that a hard link's target is, through directories only; NULL when the layer does not have it.
static struct tree_entry *find_target(struct tree_build *build, const char *path) {
    struct tree_node *directory = build->tree.root;
    struct tree_entry *entry = NULL;
    struct path_part part;
    while (path_next(&path, &part)) {
        if (!directory || !S_ISDIR(directory->mode)) return NULL;
        entry = tree_build_find(build, directory, part.name, part.length);
        if (!entry || !entry->node || entry->node->whiteout) return NULL;
        directory = entry->node;
    }
    return entry;
}

static int read_hardlink(struct tree_build *build, const struct member *member, struct tree_node *directory,
                         struct path_part name) {
    const char *target = archive_entry_hardlink(member->entry);
    if (!target || check_parts(member, target, "is a hard link out of the image's root",
                               "is a hard link with too long a target"))
        return target ? -1 : refuse(member, "is a hard link to nothing");
    struct tree_entry *found = find_target(build, target);
    struct tree_node *node = found ? found->node : NULL;
    if (node && S_ISDIR(node->mode)) return refuse(member, "is a hard link to a directory");
    if (!node) { // it may be in a layer below; tree_merge() looks there
        node = tree_build_node(build, S_IFREG);
        node->below = arena_strdup(&build->tree.arena, target);
        build->text += strlen(target);
        build->tree.below++;
    }
    tree_build_add(build, directory, name.name, name.length)->node = node;
    return 0;
}

// What a member leaves in place of what had its name: a directory over a directory keeps what is in it.
static int read_member(struct reader *reader, const struct member *member) {
    struct tree_build *build = &reader->build;
    struct tree_node *directory;
    struct path_part name;
    if (walk(build, member, &directory, &name)) return -1;
    bool is_directory = archive_entry_filetype(member->entry) == AE_IFDIR;
    if (!name.length) {
        if (!is_directory) return refuse(member, "would replace the root directory");
        return read_node(reader, member, build->tree.root);
    }
    if (name.length > 4 && memcmp(name.name, ".wh.", 4) == 0)
        return read_whiteout(build, member, directory, name);
    if (archive_entry_hardlink(member->entry)) return read_hardlink(build, member, directory, name);

    struct tree_entry *entry = tree_build_add(build, directory, name.name, name.length);
    struct tree_node *old = entry->node;
    if (old && is_directory && S_ISDIR(old->mode)) return read_node(reader, member, old);
    entry->node = tree_build_node(build, S_IFREG);
    if (read_node(reader, member, entry->node)) return -1;
    if (old && is_directory) entry->node->opaque = old->whiteout;
    const struct tree_source *source = reader->source;
    if (!source->file || !S_ISREG(entry->node->mode)) return 0;
    return source->file(source->data, build, entry, directory, member->name, member->err);
}

// Limits, before anything of the member is kept.
static int check_member(struct reader *reader, struct member *member) {
    struct tree_build *build = &reader->build;
    member->name = archive_entry_pathname(member->entry);
    if (!member->name) return err_set(member->err, ERR_INVALID, 0, "the layer has a member without a name");
    if (build->tree.nodes >= TREE_NODES_MAX)
        return err_set(member->err, ERR_INVALID, 0, "the layer has more than %u members", TREE_NODES_MAX);
    if (build->text >= TREE_TEXT_MAX)
        return err_set(member->err, ERR_INVALID, 0, "the names in the layer have more than %u MB",
                       TREE_TEXT_MAX >> 20);
    if (archive_entry_size(member->entry) > (int64_t)TREE_FILE_MAX)
        return refuse(member, "claims to have more than 1 TiB");
    return check_parts(member, member->name, "leads out of the image's root by \"..\"",
                       "has too long a name");
}

// Non-ASCII names of pax are UTF-8, which the C locale can't express: libarchive says so with a warning, and
// leaves the bytes as they are, which is what is wanted. Any other warning is a broken header.
static int next_header(struct reader *reader, struct archive_entry **ret_entry, struct err *err) {
    int r = archive_read_next_header(reader->archive, ret_entry);
    if (r == ARCHIVE_EOF) return 0;
    if (r == ARCHIVE_OK) return 1;
    if (r == ARCHIVE_WARN && archive_errno(reader->archive) == NAME_NOT_CONVERTED) return 1;
    if (reader->error) return err_set(err, ERR_SYSTEM, reader->error, "read the layer");
    const char *why = archive_error_string(reader->archive);
    return err_set(err, ERR_INVALID, 0, "the layer is not a tar that can be read, before byte %llu: %s",
                   (unsigned long long)reader->at, why ? why : "no tar header");
}

static int read_members(struct reader *reader, struct err *err) {
    struct member member = {.err = err};
    int r;
    while ((r = next_header(reader, &member.entry, err)) > 0) {
        uint64_t header = (uint64_t)archive_read_header_position(reader->archive);
        if (check_member(reader, &member)) return -1;
        if (reader->expected && header != reader->expected)
            return refuse(&member, "does not follow the member before it");
        reader->expected = 0;
        if (read_member(reader, &member)) return -1;
    }
    if (r) return -1;
    bool complete = reader->data_end <= known_size(reader, reader->data_end);
    if (reader->error) return err_set(err, ERR_SYSTEM, reader->error, "read the layer");
    if (!complete)
        return err_set(err, ERR_INVALID, 0, "the layer is cut off: a file's bytes lie behind its end");
    return 0;
}

static int open_archive(struct reader *reader, struct err *err) {
    struct archive *archive = reader->archive = archive_read_new();
    if (!archive) return err_set(err, ERR_SYSTEM, ENOMEM, "read the layer");
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    int r = archive_read_open2(archive, reader, NULL, read_bytes, skip_bytes, NULL);
    if (r == ARCHIVE_OK) return 0;
    if (reader->error) return err_set(err, ERR_SYSTEM, reader->error, "read the layer");
    const char *why = archive_error_string(archive);
    return err_set(err, ERR_INVALID, 0, "the layer is not a tar: %s", why ? why : "unknown");
}

int tree_from_tar(const struct tree_source *source, struct tree *ret_tree, struct err *err) {
    _cleanup_(reader_finish) struct reader reader = {.source = source};
    tree_build_init(&reader.build);
    if (open_archive(&reader, err) || read_members(&reader, err)) return -1;
    tree_build_take(&reader.build, ret_tree);
    return 0;
}
