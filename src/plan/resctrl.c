// SPDX-License-Identifier: Apache-2.0
// Shares of the cache and of the memory's bandwidth: a group of the resctrl file system, and one in it that
// counts what this container uses.
#include "base/fd.h"
#include "base/str.h"
#include "plan/execute.h"
#include "plan/run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMATA_MAX 65536

// The kernel writes masks with zeros in front and lines with spaces: two lines are the same when they differ
// in nothing else.
static void add_plain(struct str *text, const char *line, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (isspace((unsigned char)line[i])) continue;
        bool first = i && line[i - 1] == '=';
        while (first && line[i] == '0' && i + 1 < size && isxdigit((unsigned char)line[i + 1])) i++;
        str_add_char(text, line[i]);
    }
}

static bool has_line(const char *all, const char *line, size_t size) {
    _cleanup_(str_finish) struct str wanted = {0};
    add_plain(&wanted, line, size);
    for (; *all; all += strcspn(all, "\n"), all += *all == '\n') {
        _cleanup_(str_finish) struct str there = {0};
        add_plain(&there, all, strcspn(all, "\n"));
        if (str_eq(str_get(&there), str_get(&wanted))) return true;
    }
    return !wanted.len;
}

// Somebody else's group is taken as it is or not at all.
static int compare(struct plan_run *run, const char *group, const char *schemata) {
    char path[4096];
    _cleanup_(str_finish) struct str there = {0};
    snprintf(path, sizeof path, "%s/schemata", group);
    int r = file_read_at(AT_FDCWD, path, SCHEMATA_MAX, &there);
    if (r) return r;
    for (; *schemata; schemata += strcspn(schemata, "\n"), schemata += *schemata == '\n') {
        size_t size = strcspn(schemata, "\n");
        if (has_line(str_get(&there), schemata, size)) continue;
        err_set(&run->err, ERR_CONFLICT, 0,
                "linux.intelRdt: the group %s is there, and \"%.*s\" is not its schema", group, (int)size,
                schemata);
        return -EEXIST;
    }
    return 0;
}

static int write_in(const char *folder, const char *name, const char *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_write_at(AT_FDCWD, path, text);
}

static int make_group(struct plan_run *run, struct plan_op *op) {
    const char *group = TEXT(op->resctrl.group), *schemata = TEXT(op->resctrl.schemata);
    struct stat st;
    if (op->resctrl.must_exist) {
        if (!stat(group, &st) && S_ISDIR(st.st_mode)) return 0;
        err_set(&run->err, ERR_NOT_FOUND, 0, "linux.intelRdt.closID: there is no group %s", group);
        return -ENOENT;
    }
    if (mkdir(group, 0755)) return errno == EEXIST ? compare(run, group, schemata) : -errno;
    op->resctrl.made |= PLAN_RESCTRL_GROUP;
    return *schemata ? write_in(group, "schemata", schemata) : 0;
}

int plan_do_resctrl(struct plan_run *run, struct plan_op *op) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", run->block->pid);
    int r = make_group(run, op);
    if (!r) r = write_in(TEXT(op->resctrl.group), "tasks", pid);
    if (r || !op->resctrl.monitor) return r;
    if (mkdir(TEXT(op->resctrl.monitor), 0755)) return -errno;
    op->resctrl.made |= PLAN_RESCTRL_MONITOR;
    return write_in(TEXT(op->resctrl.monitor), "tasks", pid);
}

int plan_update_resctrl(const struct plan_block *block, const char *l3, const char *bandwidth,
                        struct err *err) {
    const struct plan_op *op = plan_find(block, PLAN_RESCTRL);
    _cleanup_(str_finish) struct str lines = {0};
    if (!op)
        return err_set(err, ERR_INVALID, 0,
                       "the container has no group of resctrl: it has no linux.intelRdt");
    const char *group = plan_text(block, op->resctrl.group);
    if (!str_empty(l3)) str_printf(&lines, "%s\n", l3);
    if (!str_empty(bandwidth)) str_printf(&lines, "%s\n", bandwidth);
    int r = write_in(group, "schemata", str_get(&lines));
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write %s to %s/schemata", str_get(&lines), group) : 0;
}

int plan_undo_resctrl(struct plan_block *block, struct plan_op *op) {
    int r = 0;
    if (op->resctrl.made & PLAN_RESCTRL_MONITOR && rmdir(plan_text(block, op->resctrl.monitor))) r = -errno;
    if (op->resctrl.made & PLAN_RESCTRL_GROUP && rmdir(plan_text(block, op->resctrl.group))) r = -errno;
    return r;
}
