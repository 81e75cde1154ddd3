// SPDX-License-Identifier: Apache-2.0
// image mount, unmount and diff: the files of images, without a container.
#include "base/str.h"
#include "cli/cli.h"

#include <stdio.h>

// mount

static int list_mounts(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct images images;
    if (image_list(&engine->store, &invocation->arena, &images, err)) return -1;
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = &images.items[i];
        const char *path = image_mount_path(&engine->store, &invocation->arena, image);
        if (path) printf("%.*s  %s\n", SHORT_ID, digest_hex(image->id), path);
    }
    return 0;
}

static int mount_one(struct invocation *invocation, struct engine *engine, const char *name,
                     struct err *err) {
    struct image image;
    const char *path;
    if (image_find(&engine->store, &invocation->arena, name, &image, err) ||
        image_mount(&engine->store, &invocation->arena, &image, &path, err))
        return -1;
    puts(path);
    return 0;
}

int run_image_mount(struct invocation *invocation, struct err *err) {
    return invocation->arguments.count ? cli_for_each(invocation, mount_one, err)
                                       : cli_with_engine(invocation, list_mounts, err);
}

static int unmount_one(struct invocation *invocation, struct engine *engine, const char *name,
                       struct err *err) {
    struct image image;
    if (image_find(&engine->store, &invocation->arena, name, &image, err) ||
        image_unmount(&engine->store, &image, err))
        return -1;
    puts(name);
    return 0;
}

int run_image_unmount(struct invocation *invocation, struct err *err) {
    return cli_for_each(invocation, unmount_one, err);
}

// diff

// A stranger's name does nothing to a terminal.
static void print_change(char kind, const char *path, void *data) {
    (void)data;
    printf("%c ", kind);
    for (; *path; path++) putchar((unsigned char)*path < 0x20 || *path == 0x7f ? '?' : *path);
    putchar('\n');
}

static int diff(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *names = invocation->arguments.items;
    struct image first, second;
    if (image_find(&engine->store, &invocation->arena, names[0], &first, err) ||
        image_find(&engine->store, &invocation->arena, names[1], &second, err))
        return -1;
    return image_diff(&engine->store, &first, &second, print_change, NULL, err);
}

int run_image_diff(struct invocation *invocation, struct err *err) {
    return cli_with_engine(invocation, diff, err);
}
