// SPDX-License-Identifier: Apache-2.0
// A file without a name is gone with its descriptor, however this program ends. It gets a temporary name for
// the moment before it takes the place of another.
#include "cli/output.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *name_beside(const char *path) {
    char id[ID_SIZE], *name;
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash + 1 - path) : 0;
    id_random(id);
    if (asprintf(&name, "%.*s.%s.%.8s", directory, path, path + directory, id) < 0) abort();
    return name;
}

static int check_path(const char *path, struct err *err) {
    struct stat st;
    if (!*path) return err_set(err, ERR_INVALID, 0, "invalid output path: it is empty");
    if (stat(path, &st) || S_ISREG(st.st_mode)) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid output path: \"%s\" must be a regular file", path);
}

static int open_directory(const char *path, struct err *err) {
    _cleanup_(freep) char *directory = xstrdup(path);
    char *slash = strrchr(directory, '/');
    if (slash) slash[slash == directory] = 0;
    const char *name = slash ? directory : ".";
    int fd = fd_open_at(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return err_set(err, ERR_INVALID, 0, "invalid output path: directory \"%s\" does not exist", name);
    return fd < 0 ? err_set(err, ERR_SYSTEM, -fd, "open %s", name) : fd;
}

int output_open(const char *path, struct output *ret_output, struct err *err) {
    if (!path && isatty(STDOUT_FILENO))
        return err_set(err, ERR_INVALID, 0,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    if (!path) return *ret_output = (struct output){.fd = STDOUT_FILENO}, 0;
    if (check_path(path, err)) return -1;
    _cleanup_(fd_closep) int directory = open_directory(path, err);
    if (directory < 0) return -1;
    struct output output = {.path = path, .fd = fd_open_at(directory, ".", O_WRONLY | O_TMPFILE, 0600)};
    if (output.fd == -EOPNOTSUPP || output.fd == -EISDIR) {
        output.beside = name_beside(path);
        output.fd = fd_open_at(AT_FDCWD, output.beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    }
    if (output.fd < 0) return err_set(err, ERR_SYSTEM, -output.fd, "make %s", path);
    *ret_output = output;
    return 0;
}

int output_name(struct output *output, struct err *err) {
    char self[32];
    if (!output->path) return 0;
    snprintf(self, sizeof self, "/proc/self/fd/%d", output->fd);
    if (!output->beside) {
        output->beside = name_beside(output->path);
        if (linkat(AT_FDCWD, self, AT_FDCWD, output->beside, AT_SYMLINK_FOLLOW))
            return err_set(err, ERR_SYSTEM, errno, "make %s", output->path);
    }
    if (rename(output->beside, output->path)) return err_set(err, ERR_SYSTEM, errno, "make %s", output->path);
    free((char *)output->beside);
    output->beside = NULL;
    return 0;
}

void output_finish(struct output *output) {
    if (!output->path) return;
    if (output->beside) unlink(output->beside);
    free((char *)output->beside);
    fd_closep(&output->fd);
}
