// SPDX-License-Identifier: Apache-2.0
// twin INDEX OUT --device=TAR...: for tests. Makes the index of an image's tars (lowest first) again, and
// fails unless it is INDEX to the byte; then writes it to OUT with blocks of 4096 bytes. fsck.erofs 1.5,
// Debian 12's, knows no smaller ones, and so can check the twin of an index that it could not read itself:
// all but where the files' bytes are.
#include "base/fd.h"
#include "base/str.h"
#include "unpack/erofs.h"
#include "unpack/mount_points.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "twin: %s: %s\n", what, why);
    return 1;
}

static int read_layer(const char *path, struct tree *ret_tree, uint64_t *ret_blocks, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "open");
    *ret_blocks = ((uint64_t)st.st_size + 511) / 512;
    return tree_from_tar(&(struct tree_source){.fd = fd}, ret_tree, err);
}

// 1 when the files are the same.
static int compare(int fd, const char *path) {
    _cleanup_(str_finish) struct str a = {0}, b = {0};
    char own[32];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    if (file_read_at(AT_FDCWD, own, 1u << 30, &a) || file_read_at(AT_FDCWD, path, 1u << 30, &b)) return 0;
    return a.len == b.len && !memcmp(a.data, b.data, a.len);
}

static int write_out(const char *path, struct tree *tree, const uint64_t *blocks, size_t count, unsigned bits,
                     struct err *err) {
    unlink(path);
    int fd = fd_open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "make");
    if (!erofs_write_blocks(tree, blocks, count, bits, fd, err)) return fd;
    close(fd);
    return -1;
}

int main(int argc, char **argv) {
    struct tree layers[EROFS_DEVICES_MAX], tree = {0};
    uint64_t blocks[EROFS_DEVICES_MAX];
    struct err err = {0};
    size_t count = argc < 3 ? 0 : (size_t)argc - 3;
    if (argc < 3 || count > EROFS_DEVICES_MAX) return fail("usage", "twin INDEX OUT --device=TAR...");
    for (size_t i = 0; i < count; i++) {
        const char *path = str_after(argv[i + 3], "--device=");
        if (!path) return fail(argv[i + 3], "no --device=TAR");
        if (read_layer(path, &layers[i], &blocks[i], &err)) return fail(path, err.text);
    }
    if (tree_merge(layers, count, &tree, &err)) return fail(argv[1], err.text);
    tree_add_mount_points(&tree);
    _cleanup_(fd_closep) int index = write_out(argv[2], &tree, blocks, count, 9, &err);
    if (index < 0) return fail(argv[2], err.text);
    if (!compare(index, argv[1])) return fail(argv[1], "is not the index of these tars");
    _cleanup_(fd_closep) int twin = write_out(argv[2], &tree, blocks, count, 12, &err);
    return twin < 0 ? fail(argv[2], err.text) : 0;
}
