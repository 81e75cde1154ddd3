// SPDX-License-Identifier: Apache-2.0
// The sentence for an operation that failed.
#include "base/str.h"
#include "plan/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX sizeof(((struct err *)NULL)->text)

// What each operation is about: words before, and which of its strings to name.
static const struct {
    const char *words;
    size_t first; // offset of a plan_str in struct plan_op, or 0
    const char *between;
    size_t second;
} phrases[PLAN_OP_COUNT] = {
#define AT(member) offsetof(struct plan_op, member)
    [PLAN_VOLUME_MOUNT] = {"mount the volume", AT(volume.name), "", 0},
    [PLAN_IMAGE_MOUNT] = {"mount the image", AT(image_mount.index), " at ", AT(image_mount.target)},
    [PLAN_SCOPE_START] = {"ask systemd for the cgroup", AT(scope.group), "", 0},
    [PLAN_CGROUP_CREATE] = {"make the cgroup", AT(path), "", 0},
    [PLAN_CGROUP_WRITE] = {"write", AT(write.value), " to ", AT(write.file)},
    [PLAN_CGROUP_OWNER] = {"give the container the cgroup", AT(owner.path), "", 0},
    [PLAN_CGROUP_DEVICES] = {"set the device rules of", AT(bpf.path), "", 0},
    [PLAN_TIME_OFFSETS] = {"set the time offsets", AT(text), "", 0},
    [PLAN_CLONE] = {"make the container's process and namespaces", 0, "", 0},
    [PLAN_ID_MAP] = {"map the user ids", AT(id_map.uid), " and group ids ", AT(id_map.gid)},
    [PLAN_VETH_ADD] = {"make the interface", AT(veth.host), "", 0},
    [PLAN_BRIDGE_PORT] = {"put the interface", AT(bridge_port.link), " on the bridge ",
                          AT(bridge_port.bridge)},
    [PLAN_PASTA] = {"connect the network by pasta", 0, "", 0},
    [PLAN_LINK_ADD] = {"make the interface", AT(child_link.name), " on the host's ", AT(child_link.parent)},
    [PLAN_NET_RATE] = {"limit the traffic of the interface", AT(net_rate.host), "", 0},
    [PLAN_CNI] = {"add the container to the CNI network", AT(cni.network), "", 0},
    [PLAN_NET_DEVICE] = {"move the interface", AT(net_device.name), " to the container's ",
                         AT(net_device.new_name)},
    [PLAN_PUBLISH] = {"publish the ports in the table", AT(publish.table), "", 0},
    [PLAN_RESOLVER] = {"join the container to the resolver of its network", 0, "", 0},
    [PLAN_RESCTRL] = {"use the resctrl group", AT(resctrl.group), " with ", AT(resctrl.schemata)},
    [PLAN_IDMAP_TREE] = {"map the ids of", AT(idmap_tree.source), "", 0},
    [PLAN_LISTENER] = {"send the seccomp listener to", AT(listener.path), "", 0},
    [PLAN_HOOK] = {"run the hook", AT(hook.path), "", 0},
    [PLAN_CGROUP_JOIN] = {"join the cgroup through", AT(path), "", 0},
    [PLAN_CPU_AFFINITY] = {"use the CPUs", AT(numbers.list), "", 0},
    [PLAN_NETNS] = {"make a network namespace", 0, "", 0},
    [PLAN_ENTER_NETNS] = {"enter the network namespace", 0, "", 0},
    [PLAN_GO] = {"tell the container's process to go on", 0, "", 0},
    [PLAN_AWAIT] = {"wait for the container's process", 0, "", 0},
    [PLAN_READY] = {"tell the host's side to go on", 0, "", 0},
    [PLAN_WAIT] = {"wait for the host's side", 0, "", 0},
    [PLAN_JOIN] = {"join the container's namespaces", AT(join.path), "", 0},
    [PLAN_BECOME_ROOT] = {"become the root of the user namespace", 0, "", 0},
    [PLAN_KEYRING] = {"make the session keyring", AT(keyring.name), " with the label ", AT(keyring.label)},
    [PLAN_APPARMOR] = {"have the AppArmor profile", AT(text), "", 0},
    [PLAN_SELINUX] = {"have the SELinux label", AT(text), "", 0},
    [PLAN_UNSHARE] = {"make further namespaces", 0, "", 0},
    [PLAN_LINK_IPV6] = {"set IPv6 on or off on the interface", AT(link.name), "", 0},
    [PLAN_LINK_UP] = {"bring up the interface", AT(link.name), "", 0},
    [PLAN_ADDRESS_ADD] = {"give an address to the interface", AT(address.link), "", 0},
    [PLAN_ROUTE_ADD] = {"add a route through", AT(address.link), "", 0},
    [PLAN_HOSTNAME] = {"set the hostname", AT(text), "", 0},
    [PLAN_DOMAINNAME] = {"set the domain name", AT(text), "", 0},
    [PLAN_PROPAGATION] = {"cut mount propagation", 0, "", 0},
    [PLAN_ROOT_OVERLAY] = {"mount the overlay with the writable layer", AT(overlay.upper), "", 0},
    [PLAN_ROOT_ATTACH] = {"attach the root file system at", AT(root.attach), "", 0},
    [PLAN_ROOT_BIND] = {"bind the root file system", AT(root.path), "", 0},
    [PLAN_MOUNT] = {"mount", AT(mount.source), " at ", AT(mount.target)},
    [PLAN_REMOUNT] = {"change the flags of the mount at", AT(mount.target), "", 0},
    [PLAN_DIRECTORY] = {"make the directory", AT(path), "", 0},
    [PLAN_DEVICE] = {"make the device", AT(device.path), "", 0},
    [PLAN_SYMLINK] = {"make the link", AT(link_to.path), " to ", AT(link_to.target)},
    [PLAN_CONSOLE] = {"make the terminal", 0, "", 0},
    [PLAN_SYSCTL] = {"set the kernel parameter", AT(write.file), " to ", AT(write.value)},
    [PLAN_READONLY_PATH] = {"make read-only", AT(path), "", 0},
    [PLAN_MASK_PATH] = {"mask", AT(path), "", 0},
    [PLAN_ROOT_READONLY] = {"make the root file system read-only", 0, "", 0},
    [PLAN_PIVOT_ROOT] = {"change the root file system", 0, "", 0},
    [PLAN_OOM_SCORE_ADJ] = {"set the OOM score adjustment to", AT(text), "", 0},
    [PLAN_RLIMIT] = {"set the resource limit", AT(rlimit.text), "", 0},
    [PLAN_SCHEDULER] = {"set process.scheduler", 0, "", 0},
    [PLAN_IO_PRIORITY] = {"set process.ioPriority", 0, "", 0},
    [PLAN_MEMORY_POLICY] = {"set linux.memoryPolicy", AT(numbers.list), "", 0},
    [PLAN_PERSONALITY] = {"set linux.personality", 0, "", 0},
    [PLAN_UMASK] = {"set the umask", 0, "", 0},
    [PLAN_BOUNDING_CAPS] = {"drop capabilities from the bounding set", 0, "", 0},
    [PLAN_USER] = {"become the user", AT(user.name), "", 0},
    [PLAN_WORKDIR] = {"change to the working directory", AT(workdir.path), "", 0},
    [PLAN_CAPS] = {"set the capabilities", 0, "", 0},
    [PLAN_NO_NEW_PRIVS] = {"set no_new_privs", 0, "", 0},
    [PLAN_SECCOMP] = {"load the seccomp filter", 0, "", 0},
    [PLAN_INIT] = {"start hoy's init", 0, "", 0},
    [PLAN_START] = {"wait for the start", 0, "", 0},
    [PLAN_EXEC] = {"execute the command", 0, "", 0},
#undef AT
};

// What is written to a file may have several lines.
static const char *string_at(const struct plan_block *block, const struct plan_op *op, size_t offset,
                             char text[static TEXT_MAX]) {
    snprintf(text, TEXT_MAX, "%s",
             offset ? plan_text(block, *(const plan_str *)((const char *)op + offset)) : "");
    size_t n = strlen(text);
    if (n && text[n - 1] == '\n') text[n - 1] = 0;
    return str_make_line(text);
}

// A config.json's field by its path, for whoever wrote it; what is the runtime's own doing has none. An
// engine's containers have other reasons, and no bundle.
static void name_field(const struct plan_block *block, const struct plan_op *op, struct err *err) {
    const char *why = plan_text(block, op->why);
    bool is_field = strpbrk(why, ".[") || !strcmp(why, "hostname") || !strcmp(why, "domainname");
    bool is_command = err->kind == ERR_COMMAND_NOT_FOUND || err->kind == ERR_COMMAND_NOT_EXECUTABLE;
    size_t used = strlen(err->text);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(why, "["), why);
    if (!block->bundle || !is_field || is_command || strstr(err->text, name)) return;
    snprintf(err->text + used, sizeof err->text - used, " (%s)", why);
}

static void describe(const struct plan_block *block, const struct plan_op *op, int error,
                     struct err *ret_err) {
    char texts[2][TEXT_MAX];
    const char *first = string_at(block, op, phrases[op->type].first, texts[0]);
    const char *second = string_at(block, op, phrases[op->type].second, texts[1]);
    err_set(ret_err, error == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, error, "cannot %s%s%s%s%s%s%s",
            phrases[op->type].words, *first ? " " : "", first, *second ? phrases[op->type].between : "",
            second, error == ENOENT ? ": " : "", error == ENOENT ? strerror(error) : "");
}

void plan_failure(const struct plan_run *run, const struct plan_op *op, int error, struct err *ret_err) {
    if (run->err.kind)
        *ret_err = run->err;
    else
        describe(run->block, op, error, ret_err);
    name_field(run->block, op, ret_err);
}
