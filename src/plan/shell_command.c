// SPDX-License-Identifier: Apache-2.0
// The end of the script, and its hard part: out of the host's programs into the container's.
//
// After pivot_root the host's programs are gone, and the image may hold none; yet capabilities must be given
// up after pivot_root, which needs them. So four programs (setpriv, env, umount, mkdir) are copied with their
// libraries into a small tmpfs, the shell stands in it, and when the host's root is unmounted the directory
// it stands in is all that is left of it: the loader is run from there by a relative path, and env's --chdir
// leaves it for good. Nothing of it can be reached afterwards.
#include "plan/shell_parts.h"

#include "base/arena.h"
#include "base/str.h"
#include "plan/words.h"

#include <inttypes.h>
#include <string.h>

static void print_rlimits(struct shell *shell) {
    const struct plan_op *ops = plan_ops(shell->block);
    bool any = false;
    for (uint32_t i = 0; i < shell->block->count; i++) {
        const char *name = ops[i].type == PLAN_RLIMIT ? words_rlimit(ops[i].rlimit.resource) : NULL;
        if (!name) continue;
        fputs(any ? "" : "\n# Limits of this process, which the command inherits.\n", shell->out);
        any = true;
        fprintf(shell->out, "prlimit --pid $$ --%s=", name);
        uint64_t limits[] = {ops[i].rlimit.soft, ops[i].rlimit.hard};
        for (int n = 0; n < 2; n++) {
            if (limits[n] == UINT64_MAX)
                fputs("unlimited", shell->out);
            else
                fprintf(shell->out, "%" PRIu64, limits[n]);
            fputs(n ? "\n" : ":", shell->out);
        }
    }
}

// "user[:group]" by the container's own files, as the executor looks it up; numbers need no entry.
static void print_user(struct shell *shell, const struct plan_op *op) {
    const char *name = op ? TEXT(op->user.name) : "";
    uint32_t uid = op ? op->user.uid : 0, gid = op ? op->user.gid : 0;
    size_t user = strcspn(name, ":");
    _cleanup_(str_finish) struct str first = {0}, second = {0};
    str_add_n(&first, name, user);
    if (name[user]) str_add(&second, name + user + 1);
    _cleanup_(freep) char *u = *name ? shell_quote(shell, str_get(&first)) : NULL,
                          *g = shell_quote(shell, str_get(&second));
    fputs("\n# Who it runs as, by the image's own files.\n", shell->out);
    if (*name)
        fprintf(shell->out, "user=%s group=%s groups=''\n", u, g);
    else
        fprintf(shell->out, "user=%u group=%u groups=''\n", uid, gid);
    fputs("passwd=$(awk -F: -v u=\"$user\" '$1 == u || $3 == u { print; exit }' \"$root\"/etc/passwd 2> "
          "/dev/null || :)\n"
          "field() { echo \"$passwd\" | cut -d: -f\"$1\"; }\n"
          "home=/\n"
          "if [ -n \"$passwd\" ]; then\n"
          "    user=$(field 3) home=$(field 6)\n"
          "    group=${group:-$(field 4)}\n",
          shell->out);
    if (!second.len) // else it has that group alone
        fputs("    groups=$(awk -F: -v u=\"$(field 1)\" \\\n"
              "        '(\",\" $4 \",\") ~ (\",\" u \",\") { printf \",%s\", $3 }' "
              "\"$root\"/etc/group 2> /dev/null || :)\n",
              shell->out);
    fputs("fi\n"
          "case ${group:=0} in *[!0-9]*)\n"
          "    group=$(awk -F: -v g=\"$group\" '$1 == g { print $3; exit }' \"$root\"/etc/group) ;;\n"
          "esac\n",
          shell->out);
    const char *more = op ? TEXT(op->user.groups.at) : "";
    for (uint32_t i = 0; op && i < op->user.groups.count; i++, more += strlen(more) + 1) {
        _cleanup_(freep) char *quoted = shell_quote(shell, more);
        fprintf(shell->out, "groups=$groups,%s\n", quoted);
    }
    fputs("groups=$group$groups\n", shell->out);
}

static void print_tools(struct shell *shell) {
    fputs("\n# The host's programs are about to be gone, and the image may have none. Those that are needed "
          "to\n"
          "# the end are copied, with their libraries, into a tmpfs that goes with the host's root.\n"
          "mount -t tmpfs -o mode=755 tmpfs \"$dir\"/tools\n"
          "for tool in umount mkdir setpriv env; do\n"
          "    program=$(command -v \"$tool\")\n"
          "    cp \"$program\" \"$dir\"/tools/\n"
          "    # shellcheck disable=SC2046\n"
          "    cp -n $(ldd \"$program\" | grep -o '/[^ ]*') \"$dir\"/tools/\n"
          "done\n",
          shell->out);
}

static void print_base64(struct shell *shell, const uint8_t *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < size) group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < size) group |= bytes[i + 2];
        char four[5] = {digits[group >> 18], digits[group >> 12 & 63],
                        i + 1 < size ? digits[group >> 6 & 63] : '=',
                        i + 2 < size ? digits[group & 63] : '='};
        fprintf(shell->out, "%s%s", four, i % 75 == 72 || i + 3 >= size ? "\n" : "");
    }
}

// A kernel's filter as bytes, for the setpriv that can load one.
static void print_seccomp(struct shell *shell) {
    const struct plan_op *op = plan_find(shell->block, PLAN_SECCOMP);
    fputs("filter=\n", shell->out);
    if (!op) return;
    fprintf(
        shell->out,
        "\n# The filter of system calls (%u instructions). setpriv of Debian 12 can't load one: there the\n"
        "# command runs without. The one of util-linux 2.41 can.\n"
        "if setpriv --help | grep -q -e --seccomp-filter; then\n"
        "    filter='--seccomp-filter ./filter'\n"
        "    base64 -d > \"$dir\"/tools/filter <<'END'\n",
        op->bpf.program.size / 8);
    print_base64(shell, plan_data(shell->block, op->bpf.program), op->bpf.program.size);
    fputs("END\nfi\n", shell->out);
}

static void print_caps(struct shell *shell) {
    const struct plan_op *bounding = plan_find(shell->block, PLAN_BOUNDING_CAPS),
                         *caps = plan_find(shell->block, PLAN_CAPS);
    _cleanup_(str_finish) struct str all = {0}, inheritable = {0}, ambient = {0};
    if (bounding) words_add_caps(&all, bounding->caps.bounding, ",+", "");
    if (caps) words_add_caps(&inheritable, caps->caps.inheritable, ",+", "");
    if (caps) words_add_caps(&ambient, caps->caps.ambient, ",+", "");
    if (bounding) fprintf(shell->out, "    --bounding-set -all%s \\\n", str_get(&all));
    fprintf(shell->out, "    --inh-caps -all%s --ambient-caps -all%s \\\n", str_get(&inheritable),
            str_get(&ambient));
}

static void print_exec(struct shell *shell) {
    const struct plan_op *exec = plan_find(shell->block, PLAN_EXEC),
                         *workdir = plan_find(shell->block, PLAN_WORKDIR);
    _cleanup_(freep) char *cwd = shell_quote(shell, workdir ? TEXT(workdir->workdir.path) : "/");
    fprintf(shell->out, "    $run ./env -i --chdir=%s", cwd);
    if (!exec) return;
    bool home = false;
    const char *s = TEXT(exec->exec.env.at);
    for (uint32_t i = 0; i < exec->exec.env.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *quoted = shell_quote(shell, s);
        home = home || str_has_prefix(s, "HOME=");
        if (strchr(s, '=')) fprintf(shell->out, " \\\n    %s", quoted);
    }
    if (!home) fputs(" \\\n    HOME=\"$home\"", shell->out);
    fputs(" \\\n   ", shell->out);
    s = TEXT(exec->exec.argv.at);
    for (uint32_t i = 0; i < exec->exec.argv.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *quoted = shell_quote(shell, s);
        fprintf(shell->out, " %s", quoted);
    }
    fputc('\n', shell->out);
}

// Of the shell, which is to be the command.
static void print_tuning(struct shell *shell) {
    const struct plan_op *op = plan_find(shell->block, PLAN_SCHEDULER);
    if (op) {
        shell_heading(shell, op);
        fprintf(shell->out, "chrt --%s -p %u $$\nrenice -n %d -p $$ > /dev/null\n",
                words_policy(op->scheduler.policy), op->scheduler.priority, op->scheduler.nice);
    }
    op = plan_find(shell->block, PLAN_IO_PRIORITY);
    if (op) {
        shell_heading(shell, op);
        fprintf(shell->out, "ionice -c %u -n %u -p $$\n", op->io_priority.io_class, op->io_priority.priority);
    }
    op = plan_find(shell->block, PLAN_MEMORY_POLICY);
    if (op) fputs("\n# (Its memory policy is left out: numactl is a program's own.)\n", shell->out);
    op = plan_find(shell->block, PLAN_PERSONALITY);
    if (op) fputs("\n# (Its personality is left out: setarch is a program's own.)\n", shell->out);
    op = plan_find(shell->block, PLAN_LISTENER);
    if (op) fputs("\n# (No tool sends a filter's listener: it is left out.)\n", shell->out);
}

void shell_command(struct shell *shell) {
    const struct plan_op *workdir = plan_find(shell->block, PLAN_WORKDIR),
                         *umask = plan_find(shell->block, PLAN_UMASK);
    print_user(shell, plan_find(shell->block, PLAN_USER));
    print_tools(shell);
    print_seccomp(shell);
    print_rlimits(shell);
    print_tuning(shell);
    fputs("\n# The new root; the host's, now on top of it, is let go. What is left of the host is the "
          "directory\n"
          "# that this shell stands in, until env's --chdir.\n"
          "cd \"$dir\"/tools\n"
          "run=$(echo ./ld-linux*)\n"
          "run=\"$run --library-path .\"\n"
          "pivot_root \"$root\" \"$root\"\n"
          "$run ./umount -l /\n",
          shell->out);
    if (workdir && workdir->workdir.create) {
        _cleanup_(freep) char *path = shell_quote(shell, TEXT(workdir->workdir.path));
        fprintf(shell->out, "$run ./mkdir -p %s\n", path);
    }
    fprintf(shell->out, "\n# Privileges go last, and then it is the command.\numask %04o\n",
            umask ? umask->mode.mode : 022);
    if (plan_find(shell->block, PLAN_INIT))
        fputs("# (hoy's own init is left out: the command is process 1 itself.)\n", shell->out);
    fputs("# shellcheck disable=SC2086\nexec $run ./setpriv $filter \\\n", shell->out);
    print_caps(shell);
    fprintf(shell->out, "    --reuid \"$user\" --regid \"$group\" --groups \"$groups\"%s \\\n",
            plan_find(shell->block, PLAN_NO_NEW_PRIVS) ? " --no-new-privs" : "");
    print_exec(shell);
}
