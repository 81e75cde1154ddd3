// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include "base/fd.h"
#include "base/id.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char temporary[PATH_MAX];
static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

static void remove_temporary(int number) {
    unlink(temporary);
    raise(number); // its default action, which comes when this returns
}

static void handle_signals(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND}, now;
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        if (!sigaction(ending[i], NULL, &now) && now.sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
}

// The directory of path, cut into buffer.
static int directory_of(const char *path, char buffer[static PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + (slash == path) : 1;
    return snprintf(buffer, PATH_MAX, "%.*s", length, slash ? path : ".") < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int path_check(const char *path, const char *directory, struct err *err) {
    struct stat st;
    if (stat(directory, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, 0, "invalid output path: directory \"%.200s\" does not exist",
                       directory);
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, 0, "invalid output path: \"%.200s\" is %s", path,
                       S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
    return 0;
}

static int temporary_name(const struct output_file *file) {
    char id[ID_SIZE], directory[PATH_MAX];
    id_random(id);
    directory_of(file->path, directory);
    int n = snprintf(temporary, sizeof temporary, "%s/.hoy-%.12s", directory, id);
    return n < (int)sizeof temporary ? 0 : -ENAMETOOLONG;
}

int output_file_open(struct output_file *file, const char *path, struct err *err) {
    char directory[PATH_MAX];
    int r = directory_of(path, directory);
    if (!r && path_check(path, directory, err)) return -1;
    file->path = path;
    if (!r) r = file->fd = fd_open_at(AT_FDCWD, directory, O_TMPFILE | O_WRONLY, 0600);
    if (r == -EOPNOTSUPP || r == -EISDIR || r == -ENOENT) { // a file system that has no such files
        r = temporary_name(file);
        handle_signals(remove_temporary);
        if (!r) r = file->fd = fd_open_at(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
        file->linked = r >= 0;
    }
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "can't write %.200s", path) : 0;
}

int output_file_keep(struct output_file *file, struct err *err) {
    char own[32];
    snprintf(own, sizeof own, "/proc/self/fd/%d", file->fd);
    int r = file->linked ? 0 : temporary_name(file);
    if (!r && !file->linked) {
        handle_signals(remove_temporary);
        r = linkat(AT_FDCWD, own, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) ? -errno : 0;
        file->linked = !r;
    }
    if (!r) r = rename(temporary, file->path) ? -errno : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't write %.200s", file->path);
    file->linked = false;
    return 0;
}

void output_file_finish(struct output_file *file) {
    if (file->linked) unlink(temporary);
    file->linked = false;
    handle_signals(SIG_DFL);
    fd_closep(&file->fd);
}
