// SPDX-License-Identifier: Apache-2.0
#include "kernel/id_helper.h"

#include "base/arena.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// The words of the map behind the program and the pid.
static const char **words_of(const char *program, const char *pid, char *map) {
    size_t count = 2;
    const char **argv = xmalloc((strlen(map) + 4) * sizeof *argv);
    argv[0] = program;
    argv[1] = pid;
    for (char *word; (word = strsep(&map, " \n"));)
        if (*word) argv[count++] = word;
    argv[count] = NULL;
    return argv;
}

int id_helper_run(const char *name, pid_t pid, const char *map) {
    static const char *const folders[] = {"/usr/bin", "/bin", "/usr/local/bin"};
    char path[48] = "", number[16];
    for (size_t i = 0; i < ARRAY_SIZE(folders) && !*path; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (access(path, X_OK)) *path = 0;
    }
    if (!*path) return -ENOENT;
    snprintf(number, sizeof number, "%d", pid);
    _cleanup_(freep) char *copy = xstrdup(map);
    _cleanup_(freep) const char **argv = words_of(name, number, copy);
    pid_t helper = fork();
    if (helper < 0) return -errno;
    if (helper == 0) {
        const char *env[] = {NULL};
        execve(path, (char *const *)argv, (char *const *)env);
        _exit(126);
    }
    int status;
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {}
    return status ? -EPERM : 0;
}
