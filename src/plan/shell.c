// SPDX-License-Identifier: Apache-2.0
// The script has two here-documents: what the container's first process does before it is in its cgroup
// namespace, and after. `unshare` starts a shell on each, so standard input stays the command's.
//
// Where the executor resolves names inside the root with openat2 and mounts by descriptor, the script uses
// paths, and refuses those that links of the image lead out of the root.
#include "plan/shell.h"

#include "base/arena.h"
#include "kernel/traffic.h"
#include "plan/shell_parts.h"
#include "plan/words.h"

#include <linux/sched.h>
#include <string.h>

// The heading says why.
static void leave_out(struct shell *shell, const struct plan_op *op) {
    (void)shell, (void)op;
}

// What becomes of each operation, and the comment before a run of them. An operation without an entry is an
// option of another one's command: of unshare and nsenter (CLONE, JOIN, UNSHARE, TIME_OFFSETS), or
// of the last one, which shell_command() writes (everything INSIDE).
static const struct {
    void (*emit)(struct shell *, const struct plan_op *);
    const char *heading;
} emitters[PLAN_OP_COUNT] = {
    [PLAN_IMAGE_MOUNT] =
        {shell_image_mount,
         "The image. mount(8) wants block devices; hoy hands the kernel the files themselves."},
    [PLAN_VOLUME_MOUNT] = {shell_volume_mount, "Volumes that have a file system of their own."},
    [PLAN_SCOPE_START] =
        {leave_out,
         "hoy asks systemd for the cgroups; here they are made without it, and it may not like them."},
    [PLAN_CGROUP_CREATE] = {shell_cgroup_create, "A cgroup of its own in each hierarchy."},
    [PLAN_CGROUP_WRITE] = {shell_cgroup_write, "The limits."},
    [PLAN_CGROUP_OWNER] = {shell_cgroup_owner, "What the container may arrange in its cgroup by itself."},
    [PLAN_CGROUP_DEVICES] =
        {leave_out, "Access to devices: no tool of Debian 12 can attach the filter, so it is left out."},
    [PLAN_VETH_ADD] = {shell_veth_add, "The network: a cable from the host into a namespace held by a file."},
    [PLAN_BRIDGE_PORT] = {shell_bridge_port,
                          "The cable's end on the host goes to the bridge, which hoy made."},
    [PLAN_PASTA] = {shell_pasta,
                    "The network: a namespace held by a file, which pasta joins with the host's."},
    [PLAN_LINK_ADD] = {shell_link_add, "The network: an interface that shares the host's."},
    [PLAN_NET_RATE] = {shell_net_rate,
                       "How fast it receives, which is what the host's end sends; and how fast it sends."},
    [PLAN_CNI] = {leave_out, "The network: hoy has CNI plugins make it; here they are left out."},
    [PLAN_NET_DEVICE] = {shell_net_device,
                         "The host's interfaces that it gets (hoy gives them their addresses again)."},
    [PLAN_PUBLISH] = {shell_publish, NULL},
    [PLAN_RESOLVER] =
        {leave_out,
         "Names: hoy's resolver is told of the container. By hand nobody serves it at 127.0.0.11."},
    [PLAN_RESCTRL] = {shell_resctrl, "Its share of the cache and of the memory's bandwidth."},
    [PLAN_CPU_AFFINITY] = {shell_cpu_affinity, "The CPUs that it may use."},
    [PLAN_KEYRING] = {leave_out, "A session keyring of its own: hoy makes one, here it is left out."},
    [PLAN_APPARMOR] = {shell_label, "Its AppArmor profile."},
    [PLAN_SELINUX] = {shell_label, "Its SELinux label."},
    [PLAN_CGROUP_JOIN] = {shell_cgroup_join, "Into the cgroups. 0 is whoever writes."},
    [PLAN_LINK_IPV6] = {shell_link_ipv6, "The IP versions of its interface."},
    [PLAN_ENTER_NETNS] = {shell_enter_netns, "The network, from inside its namespace."},
    [PLAN_LINK_UP] = {shell_link_up, "The network, from inside its namespace."},
    [PLAN_ADDRESS_ADD] = {shell_address_add,
                          "Its address: not reserved, hoy may give it to a container of its own."},
    [PLAN_ROUTE_ADD] = {shell_route_add, NULL},
    [PLAN_HOSTNAME] = {shell_hostname, "Names."},
    [PLAN_DOMAINNAME] = {shell_domainname, NULL},
    [PLAN_PROPAGATION] = {shell_propagation, "Mounts made from here on stay in here."},
    [PLAN_ROOT_OVERLAY] = {shell_root_overlay, "The root: a writable layer over the image."},
    [PLAN_ROOT_ATTACH] = {shell_root_attach, "The root: a writable layer over the image."},
    [PLAN_ROOT_BIND] = {shell_root_bind, "The root."},
    [PLAN_MOUNT] = {shell_mount, "What is mounted in it."},
    [PLAN_DEVICE] = {shell_device, "Devices."},
    [PLAN_SYMLINK] = {shell_symlink, "Links."},
    [PLAN_CONSOLE] = {shell_console,
                      "The console is the terminal that this script has; hoy makes a new one."},
    [PLAN_SYSCTL] = {shell_sysctl, "Kernel settings of the new namespaces."},
    [PLAN_REMOUNT] = {shell_remount, NULL},
    [PLAN_DIRECTORY] = {shell_directory, NULL},
    [PLAN_READONLY_PATH] = {shell_readonly_path, "What may be read, but not written,"},
    [PLAN_MASK_PATH] = {shell_mask_path, "and what is hidden."},
    [PLAN_ROOT_READONLY] = {shell_root_readonly, "Nothing can be written but to mounts."},
    [PLAN_OOM_SCORE_ADJ] = {shell_oom_score_adj, "How the OOM killer sees it."},
    // For shell_command(), which asks for these headings.
    [PLAN_SCHEDULER] = {NULL, "How it is scheduled."},
    [PLAN_IO_PRIORITY] = {NULL, "Its place among those that wait for disks."},
};

void shell_heading(struct shell *shell, const struct plan_op *op) {
    if (shell->heading == op->type) return;
    shell->heading = op->type;
    if (emitters[op->type].heading) fprintf(shell->out, "\n# %s\n", emitters[op->type].heading);
}

static void print_ops(struct shell *shell, enum plan_side side, enum plan_op_type only,
                      enum plan_op_type without) {
    const struct plan_op *ops = plan_ops(shell->block);
    for (uint32_t i = 0; i < shell->block->count; i++) {
        if (ops[i].side != side || !emitters[ops[i].type].emit) continue;
        if (only != PLAN_OP_COUNT && ops[i].type != only) continue;
        if (ops[i].type == without || (ops[i].type == PLAN_ROOT_OVERLAY && side == PLAN_PARENT)) continue;
        shell_heading(shell, &ops[i]);
        emitters[ops[i].type].emit(shell, &ops[i]);
    }
}

// The frame

static void print_start(struct shell *shell) {
    _cleanup_(str_finish) struct str id = {0};
    words_add_quoted(&id, TEXT(shell->block->id));
    fprintf(shell->out,
            "#!/bin/sh\n"
            "# A container by hand: what hoy does with system calls, with the tools of Debian 12. Run it as "
            "root.\n"
            "set -eu\n\n"
            "id=%s\n"
            "dir=$(mktemp -d /tmp/hoy-by-hand.XXXXXX)\n"
            "root=$(realpath \"$dir\")/root\n"
            "loops=\n"
            "export id dir root\n",
            str_get(&id));
}

// The script makes the network namespace first where interfaces are put into it from outside.
static bool needs_netns(const struct shell *shell) {
    return plan_find(shell->block, PLAN_VETH_ADD) || plan_find(shell->block, PLAN_LINK_ADD) ||
           plan_find(shell->block, PLAN_PASTA);
}

// Backwards: the undo.
static void print_cleanup(struct shell *shell) {
    const struct plan_op *ops = plan_ops(shell->block);
    fputs("\n# Whatever happens, nothing stays behind.\n"
          "# shellcheck disable=SC2317\n"
          "clean_up() {\n"
          "    set +e\n",
          shell->out);
    for (uint32_t i = shell->block->count; i-- > 0;) {
        if (ops[i].type == PLAN_PUBLISH) shell_ports(shell, "delete", &ops[i]);
        if (ops[i].type == PLAN_NET_RATE && ops[i].net_rate.out) {
            char helper[16];
            traffic_helper_name(TEXT(ops[i].net_rate.host), helper);
            _cleanup_(freep) char *name = shell_quote(shell, helper);
            fprintf(shell->out, "    ip link delete %s 2> /dev/null\n", name);
        }
        if (ops[i].type != PLAN_CGROUP_CREATE) continue;
        _cleanup_(freep) char *path = shell_quote(shell, TEXT(ops[i].path));
        fprintf(shell->out, "    rmdir %s 2> /dev/null\n", path);
    }
    if (needs_netns(shell))
        fputs("    umount -l \"$dir\"/net 2> /dev/null # and its interfaces go with it\n", shell->out);
    if (shell->image) fputs("    umount -l \"$dir/image\" 2> /dev/null\n", shell->out);
    fputs("    for loop in $loops; do losetup --detach \"$loop\"; done\n"
          "    rm -rf --one-file-system \"$dir\"\n"
          "}\n"
          "trap clean_up EXIT\n"
          "trap 'exit 130' INT\n"
          "trap 'exit 143' TERM\n"
          "mkdir \"$root\" \"$dir/upper\" \"$dir/work\" \"$dir/tools\"\n"
          "chmod 755 \"$dir\" \"$dir/upper\"\n",
          shell->out);
}

static uint64_t unshare_flags(const struct shell *shell) {
    const struct plan_op *ops = plan_ops(shell->block);
    uint64_t flags = 0;
    for (uint32_t i = 0; i < shell->block->count; i++) {
        if (ops[i].type == PLAN_UNSHARE) flags |= ops[i].unshare.flags;
        if (ops[i].type == PLAN_NETNS) flags |= CLONE_NEWNET;
    }
    return flags;
}

// unshare's long options are the words of words_namespaces. The cgroup namespace comes when the child is in
// its cgroup; the others that the child takes by itself come at once.
static void print_unshare(struct shell *shell, const struct plan_op *clone) {
    uint64_t flags = clone->clone.flags | (unshare_flags(shell) & ~(uint64_t)CLONE_NEWCGROUP);
    const struct plan_op *offsets = plan_find(shell->block, PLAN_TIME_OFFSETS);
    bool named_netns = needs_netns(shell);
    fputs("\n# The container's first process, in namespaces of its own.\nstatus=0\n", shell->out);
    if (named_netns) {
        fputs("nsenter --net=\"$dir\"/net ", shell->out);
        flags &= ~(uint64_t)CLONE_NEWNET;
    }
    fputs("unshare --fork --kill-child", shell->out);
    for (const struct word *w = words_namespaces; w->bits; w++)
        if (flags & w->bits) fprintf(shell->out, " --%s", w->text);
    if (flags & CLONE_NEWNS) fputs(" --propagation unchanged", shell->out);
    if (offsets) {
        long long monotonic = 0, boottime = 0;
        sscanf(TEXT(offsets->text), "monotonic %lld %*u\nboottime %lld", &monotonic, &boottime);
        fprintf(shell->out, " --time --monotonic %lld --boottime %lld", monotonic, boottime);
    }
    fputs(" \\\n    sh /dev/fd/3", shell->out);
}

static void print_joins(struct shell *shell) {
    const struct plan_op *ops = plan_ops(shell->block);
    for (uint32_t i = 0; i < shell->block->count; i++) {
        if (ops[i].type != PLAN_JOIN) continue;
        fputs("nsenter", shell->out);
        _cleanup_(freep) char *path = shell_quote(shell, TEXT(ops[i].join.path));
        for (const struct word *w = words_namespaces; w->bits; w++)
            if (ops[i].join.flags & w->bits) fprintf(shell->out, " --%s=%s", w->text, path);
        fputc(' ', shell->out);
    }
}

static void print_child(struct shell *shell) {
    const struct plan_op *clone = plan_find(shell->block, PLAN_CLONE);
    fputs("set -eu\n", shell->out);
    if (clone->clone.cgroup) {
        _cleanup_(str_finish) struct str file = {0};
        str_printf(&file, "%s/cgroup.procs", TEXT(clone->clone.cgroup));
        fprintf(shell->out, "\n# Into the cgroup (hoy has the process born there). 0 is whoever writes.\n");
        shell_write(shell, "0", str_get(&file));
    }
    print_ops(shell, PLAN_CHILD, PLAN_CGROUP_JOIN, PLAN_OP_COUNT);
    fputs("\n# What it sees of the cgroups begins at its own.\nexec ", shell->out);
    print_joins(shell);
    if (unshare_flags(shell) & CLONE_NEWCGROUP) fputs("unshare --cgroup ", shell->out);
    fputs("sh /dev/fd/4\n", shell->out);
}

static void print_helpers(struct shell *shell) {
    fputs("set -eu\n"
          "exec 3<&- 4<&-\n\n"
          "at() { # a place in the root, which no link in it leads out of\n"
          "    at=$(realpath -m \"$root/$1\")\n"
          "    case $at/ in \"$root\"/*) return ;; esac\n"
          "    echo \"$1 leads out of the root\" >&2\n"
          "    exit 1\n"
          "}\n"
          "mount_point() { # something to mount on, like what will be mounted; -v makes that, too\n"
          "    [ -e \"$1\" ] || mkdir -p \"$1\"\n"
          "    if [ -d \"$1\" ]; then mkdir -p \"$at\"; return; fi\n"
          "    mkdir -p \"${at%/*}\"\n"
          "    [ -e \"$at\" ] || : > \"$at\"\n"
          "}\n"
          "node_place() { # a name for something new, which is no link's\n"
          "    at \"${1%/*}\"\n"
          "    mkdir -p \"$at\"\n"
          "    at=$at/${1##*/}\n"
          "}\n"
          "volume() { # or a directory in its place; an empty one begins with what the image has there\n"
          "    volume=$1\n"
          "    [ -d \"$volume\" ] || { volume=$(mktemp -d \"$dir/volume.XXXXXX\"); chmod 755 \"$volume\"; }\n"
          "    [ ! -d \"${2-}\" ] || [ -n \"$(ls -A \"$volume\")\" ] || cp -a \"$2\"/. \"$volume\"\n"
          "}\n"
          "read_only() {\n"
          "    at \"$1\"\n"
          "    [ -e \"$at\" ] || return 0\n"
          "    mount --rbind \"$at\" \"$at\"\n"
          "    mount -o remount,bind,ro \"$at\"\n"
          "}\n"
          "hide() {\n"
          "    at \"$1\"\n"
          "    if [ -d \"$at\" ]; then\n"
          "        mount -t tmpfs -o ro,nosuid,nodev,noexec,size=0,mode=555,nr_inodes=1 tmpfs \"$at\"\n"
          "    elif [ -e \"$at\" ]; then\n"
          "        mount --bind /dev/null \"$at\"\n"
          "    fi\n"
          "}\n",
          shell->out);
}

static void print_container(struct shell *shell) {
    print_helpers(shell);
    print_ops(shell, PLAN_CHILD, PLAN_OP_COUNT, PLAN_CGROUP_JOIN);
    shell_command(shell);
}

static char *text_of(struct shell *shell, void (*print)(struct shell *)) {
    char *text = NULL;
    size_t size;
    FILE *out = shell->out, *memory = open_memstream(&text, &size);
    if (!memory) return xstrdup("exit 1\n");
    shell->out = memory;
    print(shell);
    shell->out = out;
    fclose(memory);
    return text;
}

// The container's words are in the two documents: none of them may be the end of one.
static void print_first_process(struct shell *shell, const struct plan_op *clone) {
    _cleanup_(freep) char *child = text_of(shell, print_child), *container = text_of(shell, print_container);
    char child_end[32], container_end[32];
    shell_end_word(child, "CHILD", child_end);
    shell_end_word(container, "CONTAINER", container_end);
    print_unshare(shell, clone);
    fprintf(shell->out, " 3<<'%s' 4<<'%s' || status=$?\n%s%s\n%s%s\nexit \"$status\"\n", child_end,
            container_end, child, child_end, container, container_end);
}

void plan_print_shell(struct plan_block *block, FILE *out) {
    struct shell shell = {.block = block, .out = out, .heading = -1};
    const struct plan_op *clone = plan_find(block, PLAN_CLONE), *image = plan_find(block, PLAN_IMAGE_MOUNT);
    if (image && image->image_mount.index) shell.image = plan_text(block, image->image_mount.target);
    if (!clone || plan_find(block, PLAN_ID_MAP)) {
        fputs("#!/bin/sh\n# unshare of Debian 12 maps only what newuidmap allows it to: no user namespace "
              "here.\n"
              "echo 'this container cannot be made by a script: it has a user namespace' >&2\nexit 1\n",
              out);
        return;
    }
    print_start(&shell);
    print_cleanup(&shell);
    print_ops(&shell, PLAN_HOST, PLAN_OP_COUNT, PLAN_OP_COUNT);
    print_ops(&shell, PLAN_PARENT, PLAN_OP_COUNT, PLAN_OP_COUNT);
    print_first_process(&shell, clone);
}
