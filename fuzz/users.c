// SPDX-License-Identifier: Apache-2.0
// An image's /etc/passwd and /etc/group (one text here: the same for both), and what it says of its user,
// which is the first line.
#include "base/fd.h"
#include "fuzz/fuzz.h"
#include "plan/user.h"

#include <errno.h>
#include <string.h>

static const char *file;

// In the place of base's (ld --wrap).
int __wrap_file_read_at(int dir, const char *path, size_t limit, struct str *ret_text);
int __wrap_file_read_at(int dir, const char *path, size_t limit, struct str *ret_text) {
    (void)dir, (void)limit;
    if (!strstr(path, "/etc/")) return -ENOENT;
    str_add(ret_text, file);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char *text = strndup((const char *)bytes, size), *rest = strchr(text, '\n');
    static const char *const no_groups[] = {NULL}, *const groups[] = {"wheel", "5", NULL};
    struct user user = {0};
    struct err err = {0};
    if (rest) *rest++ = 0;
    file = rest ? rest : "";
    if (!user_resolve(text, size % 2 ? groups : no_groups, &user, &err))
        must(user.uid <= INT32_MAX && user.gid <= INT32_MAX && user.home[0] == '/' &&
             user.group_count <= USER_GROUPS_MAX);
    else
        must(*err.text);
    free(text);
    return 0;
}
