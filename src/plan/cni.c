// SPDX-License-Identifier: Apache-2.0
// Networks of the Container Network Interface. Their plugins speak JSON, which the shim does not: it executes
// hoy for it, which knows what to do from the container's run directory (network/cni.c).
#include "base/arena.h"
#include "base/fd.h"
#include "plan/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run(const char **argv, char said[static PLAN_SAID_MAX], int *ret_status) {
    _cleanup_(fd_closep) int null = fd_open_at(AT_FDCWD, "/dev/null", O_RDONLY, 0);
    struct plan_program program = {argv[0], argv, (const char **)environ, null, 0, -1, -1};
    return null < 0 ? null : plan_program_run(&program, said, ret_status);
}

// hoy's sentence is the operation's.
int plan_do_cni(struct plan_run *run_, struct plan_op *op) {
    const struct plan_block *block = run_->block;
    char pid[16], said[PLAN_SAID_MAX];
    int status = 0;
    uint32_t count = op->cni.add.count;
    _cleanup_(freep) const char **argv = xmalloc((count + 2) * sizeof *argv);
    plan_list_get(block, op->cni.add, argv);
    snprintf(pid, sizeof pid, "%d", block->pid);
    argv[count] = pid;
    argv[count + 1] = NULL;
    int r = run(argv, said, &status);
    if (r || !status) return r;
    const char *sentence = strncmp(said, "hoy: ", 5) ? said : said + 5;
    err_set(&run_->err, ERR_SYSTEM, 0, "%s",
            *sentence ? sentence : "hoy's helper for CNI ended without a word");
    return -ECANCELED;
}

// What can't be undone now is tried again when the container's end is settled, by somebody who can say why.
int plan_undo_cni(struct plan_block *block, struct plan_op *op) {
    char said[PLAN_SAID_MAX];
    int status;
    _cleanup_(freep) const char **argv = plan_list_items(block, op->cni.remove);
    (void)run(argv, said, &status);
    return 0;
}
