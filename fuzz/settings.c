// SPDX-License-Identifier: Apache-2.0
// By the first byte: registries.conf, daemon.json, what a registry answers of who may come in, and Docker's
// config.json with its credentials, which are what was put into it.
#include "registry/settings.h"
#include "base/fd.h"
#include "fuzz/fuzz.h"
#include "registry/challenge.h"

#include <errno.h>
#include <string.h>

static const char *name, *file;

// In the place of base's (ld --wrap).
int __wrap_file_read_at(int dir, const char *path, size_t limit, struct str *ret_text);
int __wrap_file_read_at(int dir, const char *path, size_t limit, struct str *ret_text) {
    (void)dir, (void)limit;
    if (!str_has_suffix(path, name)) return -ENOENT;
    str_add(ret_text, file);
    return 0;
}

static void read_settings(struct arena *arena, const char *which, const char *text) {
    struct reference reference;
    struct endpoints endpoints = {0};
    struct err err = {0};
    name = which, file = text;
    must(!reference_parse(arena, "a.b:5000/c/d:1", &reference, &err));
    if (settings_endpoints(arena, "/nowhere", &reference, &endpoints, &err)) must(*err.text);
    for (size_t i = 0; i < endpoints.count; i++) must(endpoints.items[i].host && endpoints.items[i].domain);
}

static void read_challenges(struct arena *arena, char *lines) {
    struct challenge challenge = {0};
    for (char *line; (line = strsep(&lines, "\n"));) challenge_parse(arena, line, &challenge);
    if (challenge.realm) (void)realm_trusted("a.b:5000", challenge.realm);
}

static void keep_credentials(struct arena *arena, const char *text) {
    const struct credentials given = {.username = "u", .password = "p"};
    struct credentials_entry kept;
    struct err err = {0};
    if (credentials_edit(arena, text, strlen(text), "file", "a.b", &given, &text, &err)) return;
    must(!credentials_parse(arena, text, strlen(text), "file", "a.b", &kept, &err));
    must(kept.helper || (str_eq(kept.credentials.username, "u") && str_eq(kept.credentials.password, "p")));
    must(!credentials_edit(arena, text, strlen(text), "file", "a.b", NULL, &text, &err));
    must(!credentials_parse(arena, text, strlen(text), "file", "a.b", &kept, &err) &&
         !kept.credentials.username);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena arena = ARENA_INIT;
    if (!size) return 0;
    char *text = arena_strndup(&arena, (const char *)bytes + 1, size - 1);
    switch (bytes[0] % 4) {
    case 0: read_settings(&arena, "registries.conf", text); break;
    case 1: read_settings(&arena, "daemon.json", text); break;
    case 2: read_challenges(&arena, text); break;
    case 3: keep_credentials(&arena, text); break;
    }
    arena_finish(&arena);
    return 0;
}
