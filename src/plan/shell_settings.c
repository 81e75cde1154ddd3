// SPDX-License-Identifier: Apache-2.0
// What is set by writing into a file of the kernel's, or nearly: cgroups, names, sysctls, labels.
#include "plan/shell_parts.h"

#include "base/arena.h"
#include "base/str.h"

#include <string.h>

void shell_cgroup_create(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->path));
    bool cpuset = strstr(TEXT(op->path), "cpuset");
    if (cpuset)
        fputs(
            "cpuset() { # one of v1 begins empty, and gets what the one above has\n"
            "    [ -d \"$1\" ] || cpuset \"${1%/*}\"\n"
            "    mkdir -p \"$1\"\n"
            "    for file in cpuset.cpus cpuset.mems; do\n"
            "        [ ! -e \"$1/$file\" ] || grep -q . \"$1/$file\" || cat \"$1/../$file\" > \"$1/$file\"\n"
            "    done\n"
            "}\n",
            shell->out);
    fprintf(shell->out, "%s %s\n", cpuset ? "cpuset" : "mkdir -p", path);
}

void shell_cgroup_write(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *file = shell_quote(shell, TEXT(op->write.file));
    if (op->write.optional || op->write.instead) fprintf(shell->out, "[ ! -e %s ] || ", file);
    shell_write(shell, TEXT(op->write.value), TEXT(op->write.file));
}

void shell_cgroup_owner(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->owner.path));
    fprintf(shell->out, "(cd %s && xargs chown %u . < /sys/kernel/cgroup/delegate 2> /dev/null) || true\n",
            path, op->owner.uid);
}

void shell_cgroup_join(struct shell *shell, const struct plan_op *op) {
    shell_write(shell, "0", TEXT(op->path));
}

void shell_resctrl(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *group = shell_quote(shell, TEXT(op->resctrl.group));
    if (!op->resctrl.must_exist) fprintf(shell->out, "mkdir -p %s\n", group);
    if (op->resctrl.schemata) {
        _cleanup_(str_finish) struct str file = {0};
        str_printf(&file, "%s/schemata", TEXT(op->resctrl.group));
        shell_write(shell, TEXT(op->resctrl.schemata), str_get(&file));
    }
    fprintf(shell->out, "echo $$ > %s/tasks\n", group);
}

// This shell is what becomes the container.
void shell_cpu_affinity(struct shell *shell, const struct plan_op *op) {
    fprintf(shell->out, "taskset -pc %s $$ > /dev/null\n", TEXT(op->numbers.list));
}

void shell_label(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str value = {0};
    str_printf(&value, "%s%s", op->type == PLAN_APPARMOR ? "exec " : "", TEXT(op->text));
    shell_write(shell, str_get(&value), "/proc/thread-self/attr/exec");
}

void shell_hostname(struct shell *shell, const struct plan_op *op) {
    shell_write(shell, TEXT(op->text), "/proc/sys/kernel/hostname"); // hostname(1) is choosy
}

void shell_domainname(struct shell *shell, const struct plan_op *op) {
    shell_write(shell, TEXT(op->text), "/proc/sys/kernel/domainname");
}

void shell_sysctl(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str file = {0};
    str_printf(&file, "/proc/sys/%s", TEXT(op->write.file));
    shell_write(shell, TEXT(op->write.value), str_get(&file));
}

void shell_oom_score_adj(struct shell *shell, const struct plan_op *op) {
    shell_write(shell, TEXT(op->text), "/proc/self/oom_score_adj");
}
