// SPDX-License-Identifier: Apache-2.0
// While the child mounts, the parent has nothing to do any more. It brings the command's file into memory
// meanwhile, and what tells the user: of an image's index that no other container has mounted nothing is
// there, and the child would wait for each piece of it that the command comes to. What is not found here is
// found, or missed, by the child.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/path.h"
#include "plan/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// A large program begins long before all of it is there.
#define AHEAD_MAX (2 << 20)
// The kernel's own limit of one request, as a rule.
#define AHEAD_STEP (128 << 10)

// What the image calls a file may be anything: only a regular one is opened.
static bool read_file(int root, const char *path) {
    struct stat st;
    char name[32];
    _cleanup_(fd_closep) int found = path_open_own(root, path);
    if (found < 0 || fstat(found, &st) || !S_ISREG(st.st_mode)) return false;
    snprintf(name, sizeof name, "/proc/self/fd/%d", found);
    _cleanup_(fd_closep) int file = fd_open_at(AT_FDCWD, name, O_RDONLY, 0);
    off_t size = st.st_size < AHEAD_MAX ? st.st_size : AHEAD_MAX;
    for (off_t at = 0; file >= 0 && at < size; at += AHEAD_STEP) (void)readahead(file, at, AHEAD_STEP);
    return true;
}

static void read_command(struct plan_run *run, const struct plan_op *exec) {
    const char *command = TEXT(exec->exec.argv.at);
    if (strchr(command, '/')) return (void)read_file(run->ahead, command);
    _cleanup_(freep) const char **env = plan_list_items(run->block, exec->exec.env);
    const char *path = plan_environment(env, "PATH");
    char file[PATH_MAX];
    while (plan_next_in_path(&path, command, file))
        if (*file == '/' && read_file(run->ahead, file)) return;
}

void plan_read_ahead(struct plan_run *run) {
    const struct plan_op *exec = plan_find(run->block, PLAN_EXEC);
    if (run->ahead < 0 || !exec || !exec->exec.argv.count) return;
    read_command(run, exec);
    if (!plan_find(run->block, PLAN_USER)) return;
    (void)read_file(run->ahead, "/etc/passwd");
    (void)read_file(run->ahead, "/etc/group");
}
