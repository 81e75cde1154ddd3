// SPDX-License-Identifier: Apache-2.0
// `base` comes into the store like an image from a registry: the same worker, without privilege, lists its
// tar and makes its index. Only that the bytes are the program's own.
#include "base/fd.h"
#include "image/base_image.h"
#include "image/image.h"
#include "image/pull.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BASE_NAME "docker.io/library/base:latest"

static int is_stored(struct store *store, struct err *err) {
    return db_number(store->db, NULL, err, "SELECT 1 FROM image_name WHERE name = ?", "s", BASE_NAME);
}

static int make_memfd(struct err *err) {
    _cleanup_(fd_closep) int fd = memfd_create("base", MFD_CLOEXEC);
    if (fd < 0) return err_set(err, ERR_SYSTEM, errno, "unpack the image base");
    int r = fd_write_all(fd, base_image_tar, (uintptr_t)base_image_tar_end - (uintptr_t)base_image_tar);
    if (r || lseek(fd, 0, SEEK_SET) < 0)
        return err_set(err, ERR_SYSTEM, r ? -r : errno, "unpack the image base");
    return take_fd(&fd);
}

// 1: damaged is another image.
static int import(struct store *store, const char *name, const char *damaged, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int tar = make_memfd(err);
    if (tar < 0) return -1;
    const char *config = arena_strndup(&arena, base_image_config,
                                       (uintptr_t)base_image_config_end - (uintptr_t)base_image_config);
    int r = image_import_tar(store, tar, config, name, damaged, err);
    return r < 0 ? err_wrap(err, "load the image base") : r;
}

int image_load_base(struct store *store, const char *name, bool again, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct reference reference;
    struct err unused;
    if (reference_parse(&arena, name, &reference, &unused) ||
        !str_eq(reference_full(&arena, &reference), BASE_NAME))
        return 0;
    int stored = again ? 0 : is_stored(store, err);
    if (stored) return stored < 0 ? -1 : 0;
    return import(store, BASE_NAME, NULL, err) ? -1 : 1;
}

int image_repair_base(struct store *store, const char *id, struct err *err) {
    int r = import(store, NULL, id, err);
    return r < 0 ? -1 : !r;
}
