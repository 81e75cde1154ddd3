// SPDX-License-Identifier: Apache-2.0
// image mount, unmount, diff and verify: the files of images, without a container.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/words.h"

#include <stdio.h>

// mount

int run_image_mounts(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct images images;
    if (image_list(&engine->store, &invocation->arena, &images, err)) return -1;
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = &images.items[i];
        const char *path = image_mount_path(&engine->store, &invocation->arena, image);
        if (path) printf("%.*s  %s\n", SHORT_ID, digest_hex(image->id), path);
    }
    return 0;
}

int run_image_mount(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct image image;
    const char *path;
    if (engine->rootless)
        return err_set(
            err, ERR_INVALID, 0,
            "image mount: what an ordinary user's hoy mounts is in a mount namespace where nobody else "
            "sees it; hoy create and hoy export give an image's files");
    if (image_find(&engine->store, &invocation->arena, name, &image, err) ||
        image_mount(&engine->store, &invocation->arena, &image, &path, err))
        return -1;
    puts(path);
    return 0;
}

int run_image_unmount(struct invocation *invocation, struct engine *engine, const char *name,
                      struct err *err) {
    struct image image;
    if (image_find(&engine->store, &invocation->arena, name, &image, err) ||
        image_unmount(&engine->store, &image, err))
        return -1;
    puts(name);
    return 0;
}

// diff

// A stranger's name does nothing to a terminal.
static void print_change(char kind, const char *path, void *data) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    (void)data;
    printf("%c %s\n", kind, str_make_plain(arena_strdup(&arena, path)));
}

int run_image_diff(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *names = invocation->arguments.items;
    struct image first, second;
    if (image_find(&engine->store, &invocation->arena, names[0], &first, err) ||
        image_find(&engine->store, &invocation->arena, names[1], &second, err))
        return -1;
    return image_diff(&engine->store, &first, &second, print_change, NULL, err);
}

// verify

struct verify_flags {
    bool repair;
};

static const struct option verify_rows[] = {
    {"repair", 0, NULL, "Fetch what is damaged again, from the registry that it came from", store_flag,
     offsetof(struct verify_flags, repair)},
};
const struct option_table verify_options_table = OPTIONS(verify_rows, struct verify_flags);

static const char *name_of(struct arena *arena, const struct image *image) {
    return image->names.count ? words_image(arena, image->names.items[0]) : image->id;
}

// What is wrong with it, now that it is known: 1, unless it was removed meanwhile: 0. One that came again
// since then is looked at again.
static int find_faults(struct invocation *invocation, struct engine *engine, const struct image *image,
                       struct image_faults *ret_faults, struct err *err) {
    struct image now = *image, looked_at;
    do {
        looked_at = now;
        image_verify(&engine->store, &invocation->arena, &looked_at, ret_faults);
        if (!ret_faults->count) return 1;
        if (image_find_unnamed(&engine->store, &invocation->arena, image->id, &now, err))
            return err->kind == ERR_NOT_FOUND ? 0 : -1;
    } while (now.pulled != looked_at.pulled);
    return 1;
}

#define GONE 2 // it was removed meanwhile

// 0: it is sound, or was made so. 1: it is damaged. GONE. -1. name: what it is called in what is printed.
static int verify(struct invocation *invocation, struct engine *engine, const struct image *image,
                  const char *name, struct err *err) {
    const struct verify_flags *flags = invocation->options;
    struct image_faults faults;
    int found = find_faults(invocation, engine, image, &faults, err);
    if (found <= 0) return found < 0 ? -1 : GONE;
    for (size_t i = 0; i < faults.count; i++)
        printf("%s: %s: %s\n", name, faults.items[i].part, faults.items[i].what);
    if (!faults.count) {
        printf("%s: %s\n", name,
               faults.unchecked
                   ? "not all of it can be checked: an older hoy unpacked it (hoy rmi and hoy pull "
                     "make it anew)"
                   : "OK");
        return 0;
    }
    if (!flags->repair) return 1;
    if (image_repair(&engine->store, &invocation->arena, image, &faults, err)) return -1;
    printf("%s: repaired\n", name);
    return 0;
}

int run_image_verify(struct invocation *invocation, struct engine *engine, const char *name,
                     struct err *err) {
    struct image image;
    if (image_find(&engine->store, &invocation->arena, name, &image, err)) return -1;
    int r = verify(invocation, engine, &image, name, err);
    if (r == GONE)
        return err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", words_image(&invocation->arena, name));
    if (r > 0)
        return err_set(err, ERR_INVALID, 0, "image %s is damaged: hoy image verify --repair fetches it again",
                       name);
    return r;
}

int run_image_verify_all(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct images images;
    size_t bad = 0;
    if (image_list(&engine->store, &invocation->arena, &images, err)) return -1;
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = &images.items[i];
        int r = verify(invocation, engine, image, name_of(&invocation->arena, image), err);
        if (r < 0) cli_print_error(invocation, err);
        bad += r != 0 && r != GONE;
    }
    return bad ? err_set(err, ERR_INVALID, 0, "%zu of %zu images are damaged", bad, images.count) : 0;
}
