// SPDX-License-Identifier: Apache-2.0
#include "runtime/program.h"

#include "base/str.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *runtime_program_find(const char *name, const char *build_folder, struct arena *arena,
                                 struct err *err) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(self, '/');
    int length = slash ? (int)(slash - self) : 0;
    const char *const places[] = {
        arena_printf(arena, "%.*s/%s", length, self, name),
        arena_printf(arena, "%.*s/../%s/%s", length, self, build_folder, name),
        arena_printf(arena, "%.*s/../libexec/hoy/%s", length, self, name),
        arena_printf(arena, "%s/%s", HOY_LIBEXEC, name),
    };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (access(places[i], X_OK) == 0) return places[i];
    err_set(err, ERR_SYSTEM, 0, "%s is neither beside this program nor in %s: install hoy again", name,
            HOY_LIBEXEC);
    return NULL;
}
