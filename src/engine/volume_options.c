// SPDX-License-Identifier: Apache-2.0
// The options of a volume, as Docker's driver "local" has them: type=, device= and o= of a mount, size= of a
// quota.
#include "engine/parts.h"

#include <string.h>

const char *volume_option(const struct volume *volume, const char *key) {
    for (size_t i = 0; i < volume->options.count; i++)
        if (str_eq(volume->options.items[i].key, key)) return volume->options.items[i].value;
    return NULL;
}

static int missing(const struct volume *volume, const char *key, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "create %s: missing required option: \"%s\"", volume->name, key);
}

static int check_mount(const struct volume *volume, struct err *err) {
    const char *type = volume_option(volume, "type"), *device = volume_option(volume, "device");
    if (!type && !device && !volume_option(volume, "o")) return 0;
    if (str_empty(device)) return missing(volume, "device", err);
    return str_empty(type) ? missing(volume, "type", err) : 0;
}

int volume_options_check(const struct volume *volume, struct err *err) {
    static const char *const known[] = {"type", "device", "o", "size"};
    for (size_t i = 0; i < volume->options.count; i++) {
        const char *key = volume->options.items[i].key;
        size_t n = 0;
        while (n < ARRAY_SIZE(known) && !str_eq(known[n], key)) n++;
        if (n == ARRAY_SIZE(known))
            return err_set(err, ERR_INVALID, 0, "create %s: invalid option: \"%s\"", volume->name, key);
    }
    uint64_t bytes;
    const char *size = volume_option(volume, "size");
    if (size && parse_size(size, &bytes))
        return err_set(err, ERR_INVALID, 0, "create %s: invalid size: '%s'", volume->name, size);
    return check_mount(volume, err);
}
