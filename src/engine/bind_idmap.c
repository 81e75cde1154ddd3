// SPDX-License-Identifier: Apache-2.0
// bind-idmap: the container's user and a user of the host change places in a bind mount, so that what the one
// makes is the other's on the disk, and what was the other's is the one's inside. All other ids stay.
#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "engine/spec_parts.h"

#include <string.h>

#define ID_LAST 4294967294u // the next one is no id

struct ids {
    uint32_t uid, gid;
};

// "name:x:uid:gid:…" of /etc/passwd, read as it stands: asking libc for it would load modules.
static int find_user(const char *user, struct ids *ret_ids) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, "/etc/passwd", 4 << 20, &text) || !text.len) return -1;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        struct ids ids;
        const char *name = strsep(&line, ":");
        strsep(&line, ":");
        const char *uid = strsep(&line, ":"), *gid = strsep(&line, ":");
        if (!gid || parse_u32(uid, &ids.uid) || parse_u32(gid, &ids.gid)) continue;
        if (str_eq(name, user) || str_eq(uid, user)) return *ret_ids = ids, 0;
    }
    return -1;
}

static int read_ids(const char *text, struct ids *ret_ids) {
    _cleanup_(freep) char *uid = xstrdup(text);
    char *gid = strchr(uid, ':');
    struct ids ids = {0};
    if (!gid) return -1;
    *gid++ = 0;
    return parse_u32(uid, &ids.uid) || parse_u32(gid, &ids.gid) ? -1 : (*ret_ids = ids, 0);
}

// Who the caller was stands in the settings, so that it stays so whoever starts the container again.
static int host_ids(struct spec_builder *b, const struct container_mount *given, struct ids *ret_ids) {
    const char *user = str_after(given->idmap, "match-user:");
    if (user && (!read_ids(user, ret_ids) || !find_user(user, ret_ids))) return 0;
    return err_set(b->err, ERR_INVALID, 0, "%s: there is no user \"%s\" in /etc/passwd", given->why,
                   user ? user : "");
}

// --user in numbers: names are the image's, which is not looked into here.
static int container_ids(struct spec_builder *b, const struct container_mount *given, struct ids *ret_ids) {
    char *text = arena_strdup(b->arena, b->config->user ? b->config->user : "0"), *gid = strchr(text, ':');
    struct ids ids = {0};
    if (gid) *gid++ = 0;
    bool root = !*text || str_eq(text, "root");
    bool named =
        (!root && parse_u32(text, &ids.uid)) || (gid && !str_eq(gid, "root") && parse_u32(gid, &ids.gid));
    if (!gid) ids.gid = ids.uid;
    if (!named) return *ret_ids = ids, 0;
    return err_set(b->err, ERR_INVALID, 0, "%s: bind-idmap=match-user takes --user in numbers, not \"%s\"",
                   given->why, b->config->user);
}

struct id_maps {
    struct spec_id_map *items;
    size_t count;
};

// a and b change places, and everything else stays.
static void swap(struct arena *arena, struct id_maps *maps, uint32_t a, uint32_t b) {
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    const struct spec_id_map rows[] = {{0, 0, low},
                                       {low, high, 1},
                                       {low + 1, low + 1, high - low - 1},
                                       {high, low, 1},
                                       {high + 1, high + 1, ID_LAST - high}};
    if (a == b) {
        *arena_push(arena, maps) = (struct spec_id_map){0, 0, ID_LAST};
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].size) *arena_push(arena, maps) = rows[i];
}

int spec_build_idmap(struct spec_builder *b, const struct container_mount *given, struct spec_mount *mount) {
    struct ids host = {0}, container = {0};
    if (str_eq(given->idmap, "userns"))
        return err_set(
            b->err, ERR_INVALID, 0,
            "%s: bind-idmap=userns takes a user namespace of the container's own (--userns), which it "
            "does not have",
            given->why);
    if (host_ids(b, given, &host) || container_ids(b, given, &container)) return -1;
    if (host.uid == container.uid && host.gid == container.gid) return 0; // nothing to map
    swap(b->arena, (struct id_maps *)&mount->uid_maps, host.uid, container.uid);
    swap(b->arena, (struct id_maps *)&mount->gid_maps, host.gid, container.gid);
    strings_add(b->arena, &mount->options, given->non_recursive ? "idmap" : "ridmap");
    return 0;
}
