// SPDX-License-Identifier: Apache-2.0
// A container's root file system from outside: export and diff. Its files are a stranger's, so the fetch
// worker reads them, which sees nothing else meanwhile.
#include "engine/parts.h"
#include "image/fetcher.h"
#include "image/view.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int container_view_open(struct engine *engine, struct arena *arena, const struct container *container,
                        struct image *ret_image, struct err *err) {
    if (image_find(&engine->store, arena, container->image_id, ret_image, err)) return -1;
    const char *upper = arena_printf(arena, "%s/containers/%s/upper", engine->store.root, container->id);
    return image_view_open(&engine->store, ret_image, upper, NULL, err);
}

int container_export(struct engine *engine, const struct container *container, int out, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct image image;
    _cleanup_(fd_closep) int view = container_view_open(engine, &arena, container, &image, err);
    if (view < 0 || fetcher_run("export", view, out, NULL, err))
        return err_wrap(err, "export container %s", container->name);
    container_event(engine, container, "export", NULL);
    return 0;
}

static int read_changes(int list, struct arena *arena, struct strings *ret_changes, struct err *err) {
    struct stat st;
    if (fstat(list, &st)) return err_set(err, ERR_SYSTEM, errno, "can't read the changes");
    char *text = arena_alloc(arena, (size_t)st.st_size + 1);
    if (pread(list, text, (size_t)st.st_size, 0) != st.st_size)
        return err_set(err, ERR_SYSTEM, errno, "can't read the changes");
    for (const char *p = text; p < text + st.st_size; p += strlen(p) + 1) strings_add(arena, ret_changes, p);
    return 0;
}

int container_changes(struct engine *engine, const struct container *container, struct arena *arena,
                      struct strings *ret_changes, struct err *err) {
    struct image image;
    struct strings changes = {0};
    _cleanup_(fd_closep) int list = memfd_create("changes", MFD_CLOEXEC);
    if (list < 0) return err_set(err, ERR_SYSTEM, errno, "can't make a file in memory");
    _cleanup_(fd_closep) int view = container_view_open(engine, arena, container, &image, err);
    if (view < 0 || fetcher_run("changes", view, list, NULL, err) || read_changes(list, arena, &changes, err))
        return err_wrap(err, "container %s", container->name);
    *ret_changes = changes;
    return 0;
}
