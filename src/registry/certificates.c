// SPDX-License-Identifier: Apache-2.0
// <etc>/docker/certs.d/HOST:PORT and <etc>/containers/certs.d/HOST:PORT: *.crt are authorities that are
// trusted as well, NAME.cert and NAME.key are what we show of ourselves.
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

static int one_read(struct arena *arena, const char *path, const char **ret, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    if (pem_read(path, &text, err)) return -1;
    *ret = arena_strdup(arena, str_get(&text));
    explicit_bzero(text.data, text.len);
    return 0;
}

static int pair_read(struct arena *arena, const char *directory, const char *name, struct endpoint *endpoint,
                     struct err *err) {
    const char *cert = arena_printf(arena, "%s/%s", directory, name);
    const char *key = arena_printf(arena, "%.*s.key", (int)(strlen(cert) - strlen(".cert")), cert);
    if (faccessat(AT_FDCWD, key, F_OK, 0))
        return err_set(err, ERR_INVALID, 0,
                       "%s is missing, the key of the client's certificate %s (an authority's certificate is "
                       "called .crt)",
                       key, name);
    return one_read(arena, cert, &endpoint->cert, err) || one_read(arena, key, &endpoint->key, err) ? -1 : 0;
}

static int directory_read(struct arena *arena, const char *directory, struct str *ca,
                          struct endpoint *endpoint, struct err *err) {
    struct strings names;
    names_in(arena, directory, ".crt", &names);
    for (size_t i = 0; i < names.count; i++)
        if (pem_read(arena_printf(arena, "%s/%s", directory, names.items[i]), ca, err)) return -1;
    names_in(arena, directory, ".cert", &names);
    if (!names.count || endpoint->cert) return 0;
    return pair_read(arena, directory, names.items[0], endpoint, err);
}

int certificates_read(struct arena *arena, const char *etc, struct endpoint *endpoint, struct err *err) {
    static const char *const folders[] = {"containers", "docker"};
    _cleanup_(str_finish) struct str ca = {0};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        const char *directory = arena_printf(arena, "%s/%s/certs.d/%s", etc, folders[i], endpoint->domain);
        if (directory_read(arena, directory, &ca, endpoint, err)) return -1;
    }
    if (ca.len) endpoint->ca = arena_strdup(arena, ca.data);
    return 0;
}
