// SPDX-License-Identifier: Apache-2.0
// A table of functions, one for each type of operation.
#include "plan/explain_words.h"

#include "base/str.h"
#include "plan/publish.h"
#include "plan/words.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define TEXT(s) plan_text(block, s)

static void add_list(struct str *text, const struct plan_block *block, struct plan_list list,
                     const char *separator, bool quoted) {
    const char *s = plan_text(block, list.at), *before = "";
    for (uint32_t i = 0; i < list.count; i++, s += strlen(s) + 1, before = separator) {
        str_add(text, before);
        if (quoted)
            words_add_quoted(text, s);
        else
            str_add(text, s);
    }
}

// What an operation does, in words.
#define SAY(operation)                                                                  \
    static void say_##operation(struct str *t, _unused_ const struct plan_block *block, \
                                _unused_ const struct plan_op *op)

SAY(image_mount) {
    if (!op->image_mount.index) {
        str_printf(t, "hold the image's %u layers", op->image_mount.layers.count);
        return;
    }
    str_printf(t, "mount the image (its index and %u layer%s) at %s", op->image_mount.layers.count,
               op->image_mount.layers.count == 1 ? "" : "s", TEXT(op->image_mount.target));
}

SAY(scope_start) {
    str_printf(t, "ask systemd for the cgroup %s", TEXT(op->scope.group));
}

SAY(cgroup_create) {
    str_printf(t, "make the cgroup %s", TEXT(op->path));
}

SAY(cgroup_write) {
    str_printf(t, "write %s into %s", TEXT(op->write.value), TEXT(op->write.file));
}

SAY(cgroup_owner) {
    str_printf(t, "give the cgroup %s to the user %u", TEXT(op->owner.path), op->owner.uid);
}

SAY(cgroup_devices) {
    str_printf(t, "filter device access in %s (%u instructions)", TEXT(op->bpf.path),
               op->bpf.program.size / 8);
}

static void add_whose(struct str *t, const struct plan_block *block, const struct plan_op *op) {
    words_add(t, op->join.flags, words_namespaces, ", ");
    if (op->join.path)
        str_printf(t, " namespace %s", TEXT(op->join.path));
    else
        str_printf(t, " namespace%s of process %d", op->join.flags & (op->join.flags - 1) ? "s" : "",
                   op->join.pid);
}

SAY(time_offsets) {
    str_add(t, "make a time namespace with clocks set off by ");
    for (const char *c = TEXT(op->text); *c; c++)
        if (*c != '\n')
            str_add_char(t, *c);
        else if (c[1])
            str_add(t, ", ");
}

SAY(clone) {
    str_add(t, "start a process");
    if (op->clone.flags) str_add(t, " in new namespaces: ");
    words_add(t, op->clone.flags, words_namespaces, ", ");
    if (op->clone.cgroup) str_printf(t, "; in the cgroup %s", TEXT(op->clone.cgroup));
}

// "0 100000 65536\n" as it stands in the file, a range a line.
static void add_map(struct str *t, const char *name, const char *map) {
    str_printf(t, "%s ", name);
    for (; *map; map++)
        if (*map != '\n')
            str_add_char(t, *map);
        else if (map[1])
            str_add(t, ", ");
}

SAY(id_map) {
    str_add(t, "map the ids inside, outside, how many: ");
    add_map(t, "users", TEXT(op->id_map.uid));
    add_map(t, "; groups", TEXT(op->id_map.gid));
}

SAY(veth_add) {
    str_printf(t, "join %s in the container with %s", TEXT(op->veth.peer), TEXT(op->veth.host));
}

SAY(bridge_port) {
    str_printf(t, "put %s on the bridge %s", TEXT(op->bridge_port.link), TEXT(op->bridge_port.bridge));
    if (op->bridge_port.hairpin) str_add(t, ", which also hands back to it what it sends to its own ports");
}

SAY(link_add) {
    str_printf(t, "make %s in the container, %s ", TEXT(op->child_link.name),
               strchr("aeiou", *TEXT(op->child_link.kind)) ? "an" : "a");
    str_printf(t, "%s of the host's %s", TEXT(op->child_link.kind), TEXT(op->child_link.parent));
    if (op->child_link.mode) str_printf(t, ", mode %s", TEXT(op->child_link.mode));
    if (op->child_link.flag) str_printf(t, ", %s", TEXT(op->child_link.flag));
}

static void add_rate(struct str *t, uint64_t bits, const char *where) {
    static const char *const units[] = {"bit", "kbit", "mbit", "gbit", "tbit"};
    size_t unit = 0;
    for (; unit < ARRAY_SIZE(units) - 1 && bits >= 1000 && bits % 1000 == 0; unit++) bits /= 1000;
    str_printf(t, "%" PRIu64 "%s a second %s", bits, units[unit], where);
}

SAY(net_rate) {
    str_add(t, "let no more than ");
    if (op->net_rate.in) add_rate(t, op->net_rate.in, "in");
    if (op->net_rate.in && op->net_rate.out) str_add(t, " and ");
    if (op->net_rate.out) add_rate(t, op->net_rate.out, "out");
    str_printf(t, " through %s", TEXT(op->net_rate.host));
}

SAY(cni) {
    str_printf(t, "have the plugins of the CNI network %s add eth0", TEXT(op->cni.network));
}

SAY(net_device) {
    str_printf(t, "move the host's interface %s into the container", TEXT(op->net_device.name));
    if (!str_eq(TEXT(op->net_device.name), TEXT(op->net_device.new_name)))
        str_printf(t, ", as %s", TEXT(op->net_device.new_name));
}

SAY(publish) {
    const struct plan_port *ports = plan_data(block, op->publish.ports);
    const char *before = "publish ";
    for (size_t i = 0; i < op->publish.ports.size / sizeof *ports; i++) {
        if (!ports[i].count) continue;
        str_add(t, before);
        plan_port_words(&ports[i], t);
        before = ", ";
    }
    if (*before == 'p') str_add(t, "publish no port; later ones have their places");
}

SAY(resolver) {
    str_add(t, "give the resolver of its network two sockets at 127.0.0.11, and lead port 53 of it there");
}

SAY(resctrl) {
    str_printf(t, "join the resctrl group %s", TEXT(op->resctrl.group));
    if (op->resctrl.monitor) str_printf(t, ", counted in %s", TEXT(op->resctrl.monitor));
    const char *before = " with ";
    for (const char *s = TEXT(op->resctrl.schemata); *s;
         s += strcspn(s, "\n"), s += *s == '\n', before = ", ")
        str_printf(t, "%s%.*s", before, (int)strcspn(s, "\n"), s);
}

SAY(volume_mount) {
    str_printf(t, "mount volume %s (%s of %s)", TEXT(op->volume.name), TEXT(op->volume.type),
               TEXT(op->volume.device));
}

SAY(idmap_tree) {
    str_printf(t, "let the files of %s have other owners", TEXT(op->idmap_tree.source));
    if (!op->idmap_tree.uid) {
        str_add(t, ", as the container's ids are mapped");
        return;
    }
    str_add(t, ": ");
    add_map(t, "users", TEXT(op->idmap_tree.uid));
    add_map(t, "; groups", TEXT(op->idmap_tree.gid));
}

SAY(listener) {
    str_printf(t, "send the filter's listener to %s", TEXT(op->listener.path));
}

SAY(cpu_affinity) {
    str_printf(t, "run on the CPUs %s", TEXT(op->numbers.list));
}

SAY(keyring) {
    str_printf(t, "have a session keyring of its own, %s", TEXT(op->keyring.name));
}

SAY(apparmor) {
    str_printf(t, "run under the AppArmor profile %s", TEXT(op->text));
}

SAY(selinux) {
    str_printf(t, "run with the SELinux label %s", TEXT(op->text));
}

SAY(scheduler) {
    str_printf(t, "be scheduled as %s", words_policy(op->scheduler.policy));
    if (op->scheduler.nice) str_printf(t, ", nice %d", op->scheduler.nice);
    if (op->scheduler.priority) str_printf(t, ", priority %u", op->scheduler.priority);
    if (op->scheduler.runtime)
        str_printf(t, ", %" PRIu64 " of every %" PRIu64 " ns", op->scheduler.runtime, op->scheduler.period);
}

SAY(io_priority) {
    static const char *const classes[] = {"no", "real time", "best effort", "idle"};
    str_printf(t, "have I/O priority %u of the class %s", op->io_priority.priority,
               op->io_priority.io_class < ARRAY_SIZE(classes) ? classes[op->io_priority.io_class] : "?");
}

SAY(memory_policy) {
    static const char *const modes[] = {"default",        "preferred",          "bind", "interleave", "local",
                                        "preferred many", "weighted interleave"};
    uint32_t mode = op->numbers.mode & 0xff;
    str_printf(t, "take memory by the policy \"%s\"", mode < ARRAY_SIZE(modes) ? modes[mode] : "?");
    if (op->numbers.list) str_printf(t, " of the nodes %s", TEXT(op->numbers.list));
}

SAY(personality) {
    str_add(t, op->mode.mode == 8 ? "see a machine of 32 bits" : "see the machine as it is");
}

SAY(cgroup_join) {
    const char *path = TEXT(op->path), *file = strrchr(path, '/');
    str_printf(t, "enter the cgroup %.*s", file ? (int)(file - path) : 0, path);
}

SAY(netns) {
    str_add(t, "make a network namespace for the child, with lo up");
}

SAY(enter_netns) {
    str_add(t, "enter the network namespace");
}

SAY(go) {
    str_add(t, "let the child go on");
}

SAY(await) {
    str_add(t, "wait for the child to be so far");
}

SAY(ready) {
    str_add(t, "let the parent go on");
}

SAY(wait) {
    str_add(t, "wait for the parent to be so far");
}

SAY(join) {
    str_add(t, op->side == PLAN_HOST ? "have the new process born in the " : "enter the ");
    add_whose(t, block, op);
}

SAY(become_root) {
    str_add(t, "become root of the user namespace");
}

SAY(unshare) {
    str_add(t, "take a new namespace: ");
    words_add(t, op->unshare.flags, words_namespaces, ", ");
}

SAY(link_ipv6) {
    str_printf(t, "%s IPv6 on %s", op->link.ipv6 ? "have" : "have no", TEXT(op->link.name));
}

SAY(link_up) {
    str_printf(t, "bring the interface %s up", TEXT(op->link.name));
}

static const char *address_text(const struct plan_op *op, char buffer[static INET6_ADDRSTRLEN]) {
    const char *text = inet_ntop(op->address.family, op->address.bytes, buffer, INET6_ADDRSTRLEN);
    return text ? text : "?";
}

SAY(address_add) {
    char buffer[INET6_ADDRSTRLEN];
    str_printf(t, "give %s the address %s/%u", TEXT(op->address.link), address_text(op, buffer),
               op->address.prefix);
}

static bool has_gateway(const struct plan_op *op) {
    static const uint8_t none[16];
    return memcmp(op->address.bytes, none, sizeof none);
}

SAY(route_add) {
    char buffer[INET6_ADDRSTRLEN];
    if (op->address.prefix)
        str_printf(t, "route %s/%u",
                   inet_ntop(op->address.family, op->address.destination, buffer, sizeof buffer),
                   op->address.prefix);
    else
        str_add(t, "route what goes elsewhere");
    str_printf(t, " through %s", has_gateway(op) ? address_text(op, buffer) : TEXT(op->address.link));
}

SAY(hostname) {
    str_printf(t, "give the container the hostname %s", TEXT(op->text));
}

SAY(domainname) {
    str_printf(t, "give the container the NIS domain name %s", TEXT(op->text));
}

SAY(propagation) {
    if (op->side == PLAN_INSIDE) {
        str_add(t, "have the root's mounts ");
        words_add(t, op->propagation.flags, words_propagation, ",");
        return;
    }
    str_add(t, "keep mounts made from here on off the host (");
    words_add(t, op->propagation.flags, words_propagation, ",");
    str_add(t, ")");
}

SAY(root_overlay) {
    str_add(t,
            op->overlay.upper ? "lay a writable layer over the image" : "mount the image's layers read-only");
    if (op->overlay.options) str_printf(t, " (%s)", TEXT(op->overlay.options));
    if (op->side == PLAN_CHILD) str_printf(t, ", at %s", TEXT(op->overlay.attach));
}

SAY(root_attach) {
    str_printf(t, "attach that at %s, for the container alone", TEXT(op->root.attach));
}

SAY(root_bind) {
    str_printf(t, "take %s as the root file system", TEXT(op->root.path));
}

SAY(mount) {
    bool bind = op->mount.flags & MS_BIND;
    _cleanup_(str_finish) struct str options = {0};
    words_add(&options, op->mount.flags & ~(uint64_t)(MS_BIND | MS_REC), words_mount_flags, ",");
    if (op->mount.set || op->mount.clear) {
        if (options.len) str_add(&options, ",");
        words_add_recursive(&options, op->mount.set, op->mount.clear);
    }
    if (op->mount.propagation) {
        if (options.len) str_add(&options, ",");
        words_add(&options, op->mount.propagation, words_propagation, ",");
    }
    if (op->mount.data) str_printf(&options, "%s%s", options.len ? "," : "", TEXT(op->mount.data));
    str_printf(t, "mount %s%s%s", bind ? TEXT(op->mount.source) : TEXT(op->mount.type),
               op->mount.subpath ? "/" : "", TEXT(op->mount.subpath));
    if (op->mount.pid) str_printf(t, " of process %d", op->mount.pid);
    str_printf(t, " at %s", TEXT(op->mount.target));
    if (options.len) str_printf(t, " (%s)", str_get(&options));
}

SAY(device) {
    char type = S_ISBLK(op->device.mode) ? 'b' : S_ISFIFO(op->device.mode) ? 'p' : 'c';
    str_printf(t, "%s %s (%c %u:%u, mode %04o",
               op->device.bind ? "bind the host's device" : "make the device", TEXT(op->device.path), type,
               op->device.major, op->device.minor, op->device.mode & 07777);
    if (op->device.uid || op->device.gid) str_printf(t, ", of %u:%u", op->device.uid, op->device.gid);
    str_add(t, ")");
}

SAY(symlink) {
    str_printf(t, "link %s to %s", TEXT(op->link_to.path), TEXT(op->link_to.target));
}

SAY(console) {
    str_add(t, op->console.controlling_only ? "make a terminal" : "make a terminal, and /dev/console of it");
    if (op->console.rows) str_printf(t, " (%u by %u)", op->console.columns, op->console.rows);
}

SAY(sysctl) {
    str_printf(t, "set /proc/sys/%s to %s", TEXT(op->write.file), TEXT(op->write.value));
}

SAY(remount) {
    uint64_t flags = op->mount.flags & ~(uint64_t)(MS_BIND | MS_REC | MS_REMOUNT);
    str_printf(t, "make the mount at %s ", TEXT(op->mount.target));
    words_add(t, flags, words_mount_flags, ",");
    if (!flags) str_add(t, op->mount.unset & MS_RDONLY ? "rw" : "as by default");
    if (op->mount.data) str_printf(t, ",%s", TEXT(op->mount.data));
}

SAY(directory) {
    str_printf(t, "make the directory %s", TEXT(op->path));
}

SAY(readonly_path) {
    str_printf(t, "make %s read-only", TEXT(op->path));
}

SAY(mask_path) {
    str_printf(t, "hide %s", TEXT(op->path));
}

SAY(root_readonly) {
    str_add(t, "make the root read-only");
}

SAY(pivot_root) {
    str_add(t, "make it the root, and let go of the host's");
}

SAY(oom_score_adj) {
    str_printf(t, "add %s to the score by which the OOM killer chooses", TEXT(op->text));
}

static void add_limit(struct str *t, uint64_t limit) {
    if (limit == UINT64_MAX)
        str_add(t, "unlimited");
    else
        str_printf(t, "%" PRIu64, limit);
}

SAY(rlimit) {
    const char *name = words_rlimit(op->rlimit.resource);
    if (op->side == PLAN_PARENT) {
        str_printf(t, "let it have a limit of %s up to ", name ? name : "an unknown resource");
        add_limit(t, op->rlimit.hard);
        return;
    }
    str_printf(t, "limit %s to ", name ? name : "an unknown resource");
    add_limit(t, op->rlimit.soft);
    if (op->rlimit.hard == op->rlimit.soft) return;
    str_add(t, ", at most ");
    add_limit(t, op->rlimit.hard);
}

SAY(umask) {
    str_printf(t, "set the umask to %04o", op->mode.mode);
}

SAY(bounding_caps) {
    str_add(t, op->caps.bounding ? "give up all capabilities but " : "give up all capabilities");
    words_add_caps(t, op->caps.bounding, "", ", ");
}

SAY(user) {
    if (op->user.name)
        str_printf(t, "become the user %s", TEXT(op->user.name));
    else
        str_printf(t, "become the user %u, of the group %u", op->user.uid, op->user.gid);
    if (op->user.groups.count) str_add(t, ", and of ");
    add_list(t, block, op->user.groups, ", ", false);
}

SAY(workdir) {
    str_printf(t, "go to %s", TEXT(op->workdir.path));
}

// As a rule the sets are those that the bounding set was cut to: no need to list them again.
SAY(caps) {
    const struct plan_op *bounding = plan_find(block, PLAN_BOUNDING_CAPS);
    uint64_t permitted = op->caps.permitted;
    if (!permitted) {
        str_add(t, "keep no capability");
    } else if (bounding && bounding->caps.bounding == permitted) {
        str_add(t, "have just those capabilities");
    } else {
        str_add(t, "have the capabilities ");
        words_add_caps(t, permitted, "", ", ");
    }
    if (op->caps.effective != permitted) {
        str_add(t, op->caps.effective ? ", in effect " : ", none in effect");
        words_add_caps(t, op->caps.effective, "", ", ");
    }
    if (op->caps.ambient) str_add(t, ", kept over exec ");
    words_add_caps(t, op->caps.ambient, "", ", ");
}

SAY(no_new_privs) {
    str_add(t, "never gain a privilege again, as by a setuid program");
}

SAY(seccomp) {
    str_printf(t, "filter system calls (%zu instructions)",
               op->bpf.program.size / sizeof(struct sock_filter));
}

SAY(init) {
    str_add(t, "have hoy's small init as process 1");
}

SAY(start) {
    str_add(t, "wait until somebody starts it");
}

SAY(pasta) {
    str_add(t, "join the container's network with the host's by ");
    add_list(t, block, op->pasta.argv, " ", true);
}

SAY(hook) {
    str_add(t, "run the hook ");
    add_list(t, block, op->hook.argv, " ", true);
}

SAY(exec) {
    str_add(t, "run ");
    add_list(t, block, op->exec.argv, " ", true);
}

static void (*const say[PLAN_OP_COUNT])(struct str *, const struct plan_block *, const struct plan_op *) = {
#define X(NAME, name, side, member) [PLAN_##NAME] = say_##name,
    PLAN_OPS(X)
#undef X
};

void plan_op_words(const struct plan_block *block, const struct plan_op *op, struct str *text) {
    say[op->type](text, block, op);
}
