// SPDX-License-Identifier: Apache-2.0
// <etc>/docker/certs.d/HOST:PORT and <etc>/containers/certs.d/HOST:PORT: *.crt are authorities that are
// trusted as well, NAME.cert and NAME.key are what we show of ourselves, one pair or several.
#include "registry/settings_parts.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TOTAL_MAX (64u << 10) // they travel in one message

static int pem_read(const char *path, struct str *text, struct err *err) {
    _cleanup_(str_finish) struct str one = {0};
    int r = file_read_at(AT_FDCWD, path, TOTAL_MAX, &one);
    if (r == -EFBIG || text->len + one.len > TOTAL_MAX)
        return err_set(err, ERR_INVALID, 0, "%s: certificates of more than %u KiB", path, TOTAL_MAX >> 10);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't read %s", path);
    str_add_n(text, str_get(&one), one.len);
    str_add_char(text, '\n');
    explicit_bzero(one.data, one.len);
    return 0;
}

static int one_read(struct arena *arena, const char *path, const char **ret, size_t *total, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    if (pem_read(path, &text, err)) return -1;
    *ret = arena_strdup(arena, str_get(&text));
    explicit_bzero(text.data, text.len);
    *total += text.len;
    if (*total <= TOTAL_MAX) return 0;
    return err_set(err, ERR_INVALID, 0, "%s: certificates of more than %u KiB", path, TOTAL_MAX >> 10);
}

// NAME.cert is there, or NAME.key: the other must be, too.
static const char *other_find(struct arena *arena, const char *path, const char *suffix, const char *other,
                              const char *what, struct err *err) {
    size_t length = strlen(path) - strlen(suffix);
    const char *wanted = arena_printf(arena, "%.*s%s", (int)length, path, other);
    if (!faccessat(AT_FDCWD, wanted, F_OK, 0)) return wanted;
    err_set(err, ERR_INVALID, 0, "%s is missing, %s %s (an authority's certificate is called .crt)", wanted,
            what, strrchr(path, '/') + 1);
    return NULL;
}

// What is only for others to read is none of ours.
static int names_read(struct arena *arena, const char *directory, const char *suffix, struct strings *ret,
                      struct err *err) {
    *ret = (struct strings){0};
    int r = names_in(arena, directory, suffix, ret);
    return r && r != -EACCES ? err_set(err, ERR_SYSTEM, -r, "can't read %s", directory) : 0;
}

static int pairs_read(struct arena *arena, const char *directory, struct endpoint *endpoint, size_t *total,
                      struct err *err) {
    struct strings certs, keys;
    if (names_read(arena, directory, ".cert", &certs, err) ||
        names_read(arena, directory, ".key", &keys, err))
        return -1;
    for (size_t i = 0; i < certs.count; i++) {
        const char *cert = arena_printf(arena, "%s/%s", directory, certs.items[i]);
        const char *key =
            other_find(arena, cert, ".cert", ".key", "the key of the client's certificate", err);
        struct client_pair *pair = arena_push(arena, &endpoint->pairs);
        if (!key || one_read(arena, cert, &pair->cert, total, err) ||
            one_read(arena, key, &pair->key, total, err))
            return -1;
    }
    for (size_t i = 0; i < keys.count; i++) {
        const char *key = arena_printf(arena, "%s/%s", directory, keys.items[i]);
        if (!other_find(arena, key, ".key", ".cert", "the client's certificate of the key", err)) return -1;
    }
    return 0;
}

static int directory_read(struct arena *arena, const char *directory, struct str *ca,
                          struct endpoint *endpoint, size_t *total, struct err *err) {
    struct strings names;
    if (names_read(arena, directory, ".crt", &names, err)) return -1;
    for (size_t i = 0; i < names.count; i++)
        if (pem_read(arena_printf(arena, "%s/%s", directory, names.items[i]), ca, err)) return -1;
    return pairs_read(arena, directory, endpoint, total, err);
}

int certificates_read(struct arena *arena, const char *etc, struct endpoint *endpoint, struct err *err) {
    static const char *const folders[] = {"containers", "docker"};
    _cleanup_(str_finish) struct str ca = {0};
    size_t total = 0; // of all pairs
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        const char *directory = arena_printf(arena, "%s/%s/certs.d/%s", etc, folders[i], endpoint->domain);
        if (directory_read(arena, directory, &ca, endpoint, &total, err)) return -1;
    }
    if (ca.len) endpoint->ca = arena_strdup(arena, ca.data);
    return 0;
}
