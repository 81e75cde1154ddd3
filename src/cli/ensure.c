// SPDX-License-Identifier: Apache-2.0
#include "cli/ensure.h"

#include "base/str.h"
#include "cli/words.h"

#include <stdio.h>

// Is the image for the platform that was asked for?
static int check_platform(struct arena *arena, const char *platform, const struct image *image,
                          bool *ret_matches, struct err *err) {
    struct platform wanted = {0};
    *ret_matches = true;
    if (!platform) return 0;
    if (platform_parse(arena, platform, &wanted, err) < 0) return -1;
    *ret_matches = platform_matches(&wanted, &image->config);
    return 0;
}

// hoy's own image, or one from a registry.
static int bring(struct engine *engine, struct arena *arena, const struct settings *settings,
                 struct image *ret_image, struct err *err) {
    const char *name = settings->config.image;
    int r = image_load_base(&engine->store, name, true, err);
    if (r < 0) return -1;
    if (r == 1)
        return image_find_unnamed(&engine->store, arena, name, ret_image, err) ||
                       platform_check(arena, settings->config.platform, name, &ret_image->config, err)
                   ? -1
                   : 0;
    if (!settings->quiet && !str_eq(settings->pull, "always"))
        fprintf(stderr, "Unable to find image '%s' locally\n", words_image(arena, name));
    struct pull_options options = {.reference = settings->config.image,
                                   .platform = settings->config.platform,
                                   .quiet = settings->quiet,
                                   .out = settings->quiet ? NULL : stderr};
    return image_pull(&engine->store, arena, &options, ret_image, err);
}

// It may have been asked for when it was pulled, or there is no other; that it does not run then should not
// be a riddle.
static void warn_of_platform(struct arena *arena, const struct settings *settings,
                             const struct image *image) {
    const struct image_config *config = &image->config;
    struct platform host;
    platform_host(&host);
    if (settings->config.platform || !config->os || !config->architecture || platform_matches(&host, config))
        return;
    char *theirs = str_make_plain(arena_printf(arena, "%s/%s", config->os, config->architecture));
    fprintf(stderr,
            "WARNING: The requested image's platform (%s) does not match the detected host platform "
            "(%s/%s) and no specific platform was requested\n",
            theirs, host.os, host.architecture);
}

static int find_or_bring(struct engine *engine, struct arena *arena, const struct settings *settings,
                         struct image *ret_image, struct err *err) {
    const char *name = settings->config.image;
    if (str_eq(settings->pull, "always")) return bring(engine, arena, settings, ret_image, err);

    bool matches = false;
    int found = image_find_unnamed(&engine->store, arena, name, ret_image, err);
    if (found == 0 && check_platform(arena, settings->config.platform, ret_image, &matches, err) < 0)
        return -1;
    if (found == 0 && matches) return 0;
    if (found < 0 && err->kind != ERR_NOT_FOUND) return -1;
    if (str_eq(settings->pull, "never")) {
        if (found < 0) return -1;
        return err_set(err, ERR_NOT_FOUND, 0, "image %s is here, but not for %s", name,
                       settings->config.platform);
    }
    return bring(engine, arena, settings, ret_image, err);
}

int image_ensure(struct engine *engine, struct arena *arena, const struct settings *settings,
                 struct image *ret_image, struct err *err) {
    if (find_or_bring(engine, arena, settings, ret_image, err)) return -1;
    warn_of_platform(arena, settings, ret_image);
    return 0;
}
