// SPDX-License-Identifier: Apache-2.0
// <runroot>/gate is locked by who starts the gate until that listens; the gate looks with the same lock
// whether anybody still runs. Its own lock is on <runroot>/gate/alive.
#include "network/gate.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "network/helper.h"
#include "network/rules.h"
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_FIRST 26745
#define GROUPS      32768
#define ALIVE       "alive"

uint16_t network_gate_group(const char *default_id) {
    char digits[5] = "";
    memcpy(digits, default_id, strnlen(default_id, sizeof digits - 1));
    return (uint16_t)(GROUP_FIRST + strtoul(digits, NULL, 16) % GROUPS);
}

// The lock is the caller's until the descriptor is closed.
static int directory_open(const char *runroot, int *ret_fd, struct err *err) {
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, runroot, O_PATH | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "open %s", runroot);
    if (mkdirat(root, "gate", 0700) && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, errno, "make %s/gate", runroot);
    _cleanup_(fd_closep) int fd = fd_open_at(root, "gate", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open %s/gate", runroot);
    int r = fd_lock(fd, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock %s/gate", runroot);
    *ret_fd = take_fd(&fd);
    return 0;
}

static bool runs(int directory) {
    _cleanup_(fd_closep) int fd = fd_open_at(directory, ALIVE, O_RDONLY | O_NOFOLLOW, 0);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

static void close_both(int (*ends)[2]) {
    for (int i = 0; i < 2; i++) fd_closep(&(*ends)[i]);
}

static int gate_start(struct db *db, const char *runroot, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_table table;
    _cleanup_(close_both) int ends[2] = {-1, -1};
    char words[256];
    const char *program = runtime_program_find("hoy-gate", "gate", &arena, err);
    if (!program || rules_table(db, &arena, &table, err)) return -1;
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "make a pipe for hoy-gate");
    const char *const arguments[] = {"hoy-gate", arena_printf(&arena, "%u", table.gate_group),
                                     arena_printf(&arena, "%s/gate", runroot),
                                     arena_printf(&arena, "%s/containers", runroot), NULL};
    // What it says goes to its standard streams, both of them the pipe.
    int r = helper_start(program, arguments, (const int[]){-1, ends[1], ends[1]}, 3);
    if (r) return err_set(err, ERR_SYSTEM, -r, "run %s", program);
    fd_closep(&ends[1]);
    ssize_t n = fd_read_full(ends[0], words, sizeof words - 1);
    words[n > 0 ? n : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    if (str_eq(words, "ready")) return 0;
    return err_set(err, ERR_SYSTEM, 0, "%s", *words ? words : "hoy-gate ended without a word");
}

int network_gate_need(struct db *db, const char *runroot, struct err *err) {
    _cleanup_(fd_closep) int directory = -1;
    if (directory_open(runroot, &directory, err)) return -1;
    return runs(directory) ? 0 : gate_start(db, runroot, err);
}

bool network_gate_runs(const char *runroot) {
    _cleanup_(str_finish) struct str path = {0};
    str_printf(&path, "%s/gate", runroot);
    _cleanup_(fd_closep) int directory = fd_open_at(AT_FDCWD, str_get(&path), O_RDONLY | O_DIRECTORY, 0);
    return directory >= 0 && runs(directory);
}
