// SPDX-License-Identifier: Apache-2.0
#include "plan/user.h"

#include "base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (1u << 20)
#define FIELDS_MAX 7

// A line cut at its colons, in place. False when the fields are too few.
static bool split(char *line, char *fields[static FIELDS_MAX], int wanted) {
    int n = 0;
    for (char *p = line; n < FIELDS_MAX; n++) {
        fields[n] = p;
        p = strchr(p, ':');
        if (!p) {
            n++;
            break;
        }
        *p++ = 0;
    }
    for (int i = n; i < FIELDS_MAX; i++) fields[i] = NULL;
    return n >= wanted;
}

static bool is_number(const char *s) {
    return *s && s[strspn(s, "0123456789")] == 0;
}

static int parse_id(const char *s, uint32_t *ret_id) {
    uint32_t id;
    if (parse_u32(s, &id) || id > INT32_MAX) return -ERANGE;
    *ret_id = id;
    return 0;
}

// Calls each(fields, data) for every line with that many fields, until it returns true.
static int each_line(const char *path, int wanted, bool (*each)(char **fields, void *data), void *data) {
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_at(AT_FDCWD, path, FILE_MAX, &text);
    if (r == -ENOENT || r == -ENOTDIR) return 0;
    if (r) return r;
    char *rest = text.data, *line;
    while (rest && (line = strsep(&rest, "\n"))) {
        char *fields[FIELDS_MAX];
        if (*line && *line != '#' && split(line, fields, wanted) && each(fields, data)) break;
    }
    return 0;
}

struct search {
    const char *name; // of the user or group, when it is no number
    bool by_id, found;
    uint32_t id;
    struct user *user;
    char user_name[256]; // as the passwd file has it, for the groups
    bool take_gid;
};

static bool match_user(char **fields, void *data) {
    struct search *search = data;
    uint32_t uid, gid;
    if (parse_id(fields[2], &uid) || parse_id(fields[3], &gid)) return false;
    if (search->by_id ? uid != search->id : strcmp(fields[0], search->name)) return false;
    search->found = true;
    search->user->uid = uid;
    if (search->take_gid) search->user->gid = gid;
    if (fields[5] && *fields[5] == '/')
        snprintf(search->user->home, sizeof search->user->home, "%s", fields[5]);
    snprintf(search->user_name, sizeof search->user_name, "%s", fields[0]);
    return true;
}

static bool match_group(char **fields, void *data) {
    struct search *search = data;
    uint32_t gid;
    if (strcmp(fields[0], search->name) || parse_id(fields[2], &gid)) return false;
    search->found = true;
    search->id = gid;
    return true;
}

static void add_group(struct user *user, gid_t gid) {
    for (size_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == gid) return;
    if (user->group_count < USER_GROUPS_MAX) user->groups[user->group_count++] = gid;
}

static bool match_member(char **fields, void *data) {
    struct search *search = data;
    uint32_t gid;
    if (parse_id(fields[2], &gid) || !fields[3]) return false;
    char *rest = fields[3], *member;
    while ((member = strsep(&rest, ",")))
        if (!strcmp(member, search->user_name)) add_group(search->user, gid);
    return false;
}

static int find_group(const char *name, uint32_t *ret_gid, struct err *err) {
    struct search search = {.name = name};
    if (is_number(name)) {
        if (!parse_id(name, ret_gid)) return 0;
        return err_set(err, ERR_INVALID, 0, "group %s: ids must be in the range 0 to 2147483647", name),
               -ERANGE;
    }
    int r = each_line("/etc/group", 3, match_group, &search);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the container's /etc/group"), r;
    if (!search.found)
        return err_set(err, ERR_INVALID, 0, "unable to find group %s: no matching entries in group file",
                       name),
               -EINVAL;
    *ret_gid = search.id;
    return 0;
}

static int find_user(struct search *search, const char *name, struct err *err) {
    search->by_id = is_number(name);
    search->name = name;
    if (search->by_id && parse_id(name, &search->id))
        return err_set(err, ERR_INVALID, 0, "user %s: ids must be in the range 0 to 2147483647", name),
               -ERANGE;
    int r = each_line("/etc/passwd", 4, match_user, search);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the container's /etc/passwd"), r;
    if (!search->found && !search->by_id)
        return err_set(err, ERR_INVALID, 0, "unable to find user %s: no matching entries in passwd file",
                       name),
               -EINVAL;
    if (!search->found) search->user->uid = search->id;
    return 0;
}

int user_resolve(const char *name, const char *const *groups, struct user *user, struct err *err) {
    struct search search = {.user = user};
    char copy[512];
    int r = 0;
    user->group_count = 0;
    strcpy(user->home, "/");
    if (strlen(name) >= sizeof copy)
        return err_set(err, ERR_INVALID, 0, "the user's name is too long"), -EINVAL;

    if (*name) {
        strcpy(copy, name);
        char *group = strchr(copy, ':');
        if (group) *group++ = 0;
        search.take_gid = true;
        user->gid = 0;
        r = find_user(&search, *copy ? copy : "0", err);
        if (!r && group && *group) r = find_group(group, &user->gid, err);
        if (r) return r;
        add_group(user, user->gid);
        if (!(group && *group) && search.found) r = each_line("/etc/group", 4, match_member, &search);
        if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the container's /etc/group"), r;
    } else {
        search.by_id = true;
        search.id = user->uid;
        (void)each_line("/etc/passwd", 4, match_user, &search); // for the home directory only
    }
    for (; *groups; groups++) {
        uint32_t gid;
        if ((r = find_group(*groups, &gid, err))) return r;
        add_group(user, gid);
    }
    return 0;
}
