// SPDX-License-Identifier: Apache-2.0
// The script has two here-documents: what the container's first process does before it is in its cgroup
// namespace, and after. `unshare` starts a shell on each, so standard input stays the command's.
//
// The hard part is the end. After pivot_root the host's programs are gone, and the image may hold none; yet
// capabilities must be given up after pivot_root, which needs them. So three programs (setpriv, env, umount)
// are copied with their libraries into a small tmpfs, the shell stands in it, and when the host's root is
// unmounted the directory it stands in is all that is left of it: the loader is run from there by a relative
// path, and env's --chdir leaves it for good. Nothing of it can be reached afterwards.
//
// Where the executor resolves names inside the root with openat2 and mounts by descriptor, the script uses
// paths: it is for reading and for images one trusts.
#include "plan/shell.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/macro.h"
#include "kernel/traffic.h"
#include "plan/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define EMBED_MAX (64u << 10)

struct shell {
    struct plan_block *block;
    FILE *out;
    const char *image; // where the plan mounts the image's index, or NULL
    int files;         // embedded so far
    bool has_netns;    // "$dir"/net is there
    int heading;       // type of the last operation that had one
};

#define TEXT(s) plan_text(shell->block, s)

// Words for the shell, freed by the caller's cleanup. The container's id, which is 64 digits long, is written
// as the variable that holds it.
static char *quote(const struct shell *shell, const char *word) {
    struct str text = {0};
    const char *id = TEXT(shell->block->id), *at = strlen(id) == ID_SIZE - 1 ? strstr(word, id) : NULL;
    if (!at || strchr(word, '\'')) {
        words_add_quoted(&text, word);
        return str_take(&text);
    }
    _cleanup_(str_finish) struct str before = {0};
    str_add_n(&before, word, (size_t)(at - word));
    if (before.len) words_add_quoted(&text, str_get(&before));
    str_add(&text, "\"$id\"");
    if (at[ID_SIZE - 1]) words_add_quoted(&text, at + ID_SIZE - 1);
    return str_take(&text);
}

// A path inside the root: "$root"'/a path'.
static char *quote_inside(const struct shell *shell, const char *path) {
    struct str text = {0};
    while (*path == '/') path++;
    _cleanup_(freep) char *rest = quote(shell, path);
    str_printf(&text, "\"$root\"/%s", *path ? rest : "");
    return str_take(&text);
}

// Comments, one for each run of operations of a type

static const char *const headings[PLAN_OP_COUNT] = {
    [PLAN_IMAGE_MOUNT] =
        "The image. mount(8) wants block devices; hoy hands the kernel the files themselves.",
    [PLAN_VOLUME_MOUNT] = "Volumes that have a file system of their own.",
    [PLAN_SCOPE_START] =
        "hoy asks systemd for the cgroups; here they are made without it, and it may not like them.",
    [PLAN_CGROUP_CREATE] = "A cgroup of its own in each hierarchy.",
    [PLAN_CGROUP_WRITE] = "The limits.",
    [PLAN_CGROUP_OWNER] = "What the container may arrange in its cgroup by itself.",
    [PLAN_CGROUP_DEVICES] =
        "Access to devices: no tool of Debian 12 can attach the filter, so it is left out.",
    [PLAN_VETH_ADD] =
        "The network: a cable from the bridge, which hoy made, into a namespace held by a file.",
    [PLAN_PASTA] = "The network: a namespace held by a file, which pasta joins with the host's.",
    [PLAN_LINK_ADD] = "The network: an interface that shares the host's.",
    [PLAN_NET_RATE] = "How fast it receives, which is what the host's end sends; and how fast it sends.",
    [PLAN_CNI] = "The network: hoy has CNI plugins make it; here they are left out.",
    [PLAN_NET_DEVICE] = "The host's interfaces that it gets (hoy gives them their addresses again).",
    [PLAN_RESOLVER] =
        "Names: hoy's resolver is told of the container. By hand nobody serves it at 127.0.0.11.",
    [PLAN_RESCTRL] = "Its share of the cache and of the memory's bandwidth.",
    [PLAN_CPU_AFFINITY] = "The CPUs that it may use.",
    [PLAN_KEYRING] = "A session keyring of its own: hoy makes one, here it is left out.",
    [PLAN_APPARMOR] = "Its AppArmor profile.",
    [PLAN_SELINUX] = "Its SELinux label.",
    [PLAN_SCHEDULER] = "How it is scheduled.",
    [PLAN_IO_PRIORITY] = "Its place among those that wait for disks.",
    [PLAN_CGROUP_JOIN] = "Into the cgroups. 0 is whoever writes.",
    [PLAN_LINK_IPV6] = "The IP versions of its interface.",
    [PLAN_ENTER_NETNS] = "The network, from inside its namespace.",
    [PLAN_LINK_UP] = "The network, from inside its namespace.",
    [PLAN_ADDRESS_ADD] = "Its address: not reserved, hoy may give it to a container of its own.",
    [PLAN_HOSTNAME] = "Names.",
    [PLAN_PROPAGATION] = "Mounts made from here on stay in here.",
    [PLAN_ROOT_OVERLAY] = "The root: a writable layer over the image.",
    [PLAN_ROOT_ATTACH] = "The root: a writable layer over the image.",
    [PLAN_ROOT_BIND] = "The root.",
    [PLAN_MOUNT] = "What is mounted in it.",
    [PLAN_DEVICE] = "Devices.",
    [PLAN_SYMLINK] = "Links.",
    [PLAN_CONSOLE] = "The console is the terminal that this script has; hoy makes a new one.",
    [PLAN_SYSCTL] = "Kernel settings of the new namespaces.",
    [PLAN_READONLY_PATH] = "What may be read, but not written,",
    [PLAN_MASK_PATH] = "and what is hidden.",
    [PLAN_ROOT_READONLY] = "Nothing can be written but to mounts.",
    [PLAN_OOM_SCORE_ADJ] = "How the OOM killer sees it.",
};

static void print_heading(struct shell *shell, const struct plan_op *op) {
    if (shell->heading == op->type) return;
    shell->heading = op->type;
    if (headings[op->type]) fprintf(shell->out, "\n# %s\n", headings[op->type]);
}

// Text as it is, in a here-document whose end does not occur in it.
static void print_document(struct shell *shell, const char *text) {
    char end[32] = "END";
    for (unsigned n = 0; strstr(text, end); n++) snprintf(end, sizeof end, "END_%u", n);
    size_t length = strlen(text);
    fprintf(shell->out, " <<'%s'\n%s%s%s\n", end, text, length && text[length - 1] == '\n' ? "" : "\n", end);
}

static void print_write(struct shell *shell, const char *value, const char *file) {
    _cleanup_(freep) char *v = quote(shell, value), *f = quote(shell, file);
    bool plain = *value != '-' && !strchr(value, '\\');
    fprintf(shell->out, "%s %s > %s\n", plain ? "echo" : "printf '%s\\n'", v, f);
}

// The host's side

// The child is this script's first shell, whose pid is not known here: what takes it says so.
static void do_net_device(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = quote(shell, TEXT(op->net_device.name)),
                          *new_name = quote(shell, TEXT(op->net_device.new_name));
    fprintf(shell->out, "# ip link set %s down && ip link set %s netns PID name %s\n", name, name, new_name);
}

static void do_resctrl(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *group = quote(shell, TEXT(op->resctrl.group));
    if (!op->resctrl.must_exist) fprintf(shell->out, "mkdir -p %s\n", group);
    if (op->resctrl.schemata) {
        _cleanup_(str_finish) struct str file = {0};
        str_printf(&file, "%s/schemata", TEXT(op->resctrl.group));
        print_write(shell, TEXT(op->resctrl.schemata), str_get(&file));
    }
    fprintf(shell->out, "echo $$ > %s/tasks\n", group);
}

static void print_port(struct shell *shell, const char *word, const struct plan_op *op,
                       const struct plan_port *ports, uint32_t index) {
    static const uint8_t all[16];
    char host[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN];
    const char *protocol = ports->protocol == IPPROTO_UDP    ? "udp"
                           : ports->protocol == IPPROTO_SCTP ? "sctp"
                                                             : "tcp";
    bool one = memcmp(ports->host, all, sizeof all) != 0;
    inet_ntop(ports->family, ports->host, host, sizeof host);
    inet_ntop(ports->family, ports->address, address, sizeof address);
    fprintf(shell->out, "%s element inet %s %s%s%c { %s . %s%s%u", word, TEXT(op->publish.table),
            one ? "address_" : "", ports->respect ? "respected" : "ports",
            ports->family == AF_INET ? '4' : '6', protocol, one ? host : "", one ? " . " : "",
            ports->host_port + index);
    if (str_eq(word, "add")) fprintf(shell->out, " : %s . %u", address, ports->port + index);
    fputs(" }\n", shell->out);
    if (!ports->respect) return;
    fprintf(shell->out, "%s element inet %s gate_%sports%c { %s . %s%s%u }\n", word, TEXT(op->publish.table),
            one ? "address_" : "", ports->family == AF_INET ? '4' : '6', protocol, one ? host : "",
            one ? " . " : "", ports->host_port + index);
}

// Each port that the operation has.
static void print_ports(struct shell *shell, const char *word, const struct plan_op *op) {
    const struct plan_port *ports = plan_data(shell->block, op->publish.ports);
    bool any = false;
    for (size_t i = 0; i < op->publish.ports.size / sizeof *ports; i++)
        for (uint32_t k = 0; k < ports[i].count; k++) {
            if (!any) fputs("nft -f - << 'PORTS'\n", shell->out);
            any = true;
            print_port(shell, word, op, &ports[i], k);
        }
    if (any) fputs("PORTS\n", shell->out);
}

static void do_publish(struct shell *shell, const struct plan_op *op) {
    const struct plan_port *ports = plan_data(shell->block, op->publish.ports);
    uint32_t count = 0;
    for (size_t i = 0; i < op->publish.ports.size / sizeof *ports; i++) count += ports[i].count;
    if (!count) return; // only places for later ones
    fputs("\n# Published ports: elements of the maps that hoy's rules look into.\n", shell->out);
    fprintf(shell->out, "bridge link set dev %s hairpin on\n", TEXT(op->publish.link));
    print_ports(shell, "add", op);
}

// This shell is what becomes the container.
static void do_cpu_affinity(struct shell *shell, const struct plan_op *op) {
    fprintf(shell->out, "taskset -pc %s $$ > /dev/null\n", TEXT(op->numbers.list));
}

static void do_label(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str value = {0};
    str_printf(&value, "%s%s", op->type == PLAN_APPARMOR ? "exec " : "", TEXT(op->text));
    print_write(shell, str_get(&value), "/proc/thread-self/attr/exec");
}

static void do_image_mount(struct shell *shell, const struct plan_op *op) {
    if (!op->image_mount.index) return;
    _cleanup_(freep) char *index = quote(shell, TEXT(op->image_mount.index));
    fputs("devices=\n# shellcheck disable=SC2043\nfor layer in", shell->out);
    const char *s = TEXT(op->image_mount.layers.at);
    for (uint32_t i = 0; i < op->image_mount.layers.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *layer = quote(shell, s);
        fprintf(shell->out, " \\\n    %s", layer);
    }
    fprintf(shell->out,
            "\ndo\n"
            "    loop=$(losetup --find --show --read-only \"$layer\")\n"
            "    loops=\"$loops $loop\"\n"
            "    devices=\"$devices,device=$loop\"\n"
            "done\n"
            "mkdir \"$dir/image\"\n"
            "mount -t erofs -o \"ro$devices\" %s \"$dir/image\"\n",
            index);
}

static void do_cgroup_create(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote(shell, TEXT(op->path));
    fprintf(shell->out, "mkdir -p %s\n", path);
}

static void do_cgroup_write(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *file = quote(shell, TEXT(op->write.file));
    if (op->write.optional || op->write.instead) fprintf(shell->out, "[ ! -e %s ] || ", file);
    print_write(shell, TEXT(op->write.value), TEXT(op->write.file));
}

static void do_cgroup_owner(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote(shell, TEXT(op->owner.path));
    fprintf(shell->out, "(cd %s && xargs chown %u . < /sys/kernel/cgroup/delegate 2> /dev/null) || true\n",
            path, op->owner.uid);
}

static void do_nothing(struct shell *shell, const struct plan_op *op) {
    (void)shell, (void)op;
}

// The namespace that becomes the container's, once.
static void print_netns(struct shell *shell) {
    if (shell->has_netns) return;
    shell->has_netns = true;
    fputs(": > \"$dir\"/net\nunshare --net=\"$dir\"/net true\n", shell->out);
}

static void print_mac_and_mtu(struct shell *shell, const uint8_t *mac, uint32_t mtu) {
    if (mac)
        fprintf(shell->out, " address %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
    if (mtu) fprintf(shell->out, " mtu %u", mtu);
}

static void do_veth_add(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *host = quote(shell, TEXT(op->veth.host)),
                          *peer = quote(shell, TEXT(op->veth.peer)),
                          *bridge = quote(shell, TEXT(op->veth.bridge));
    print_netns(shell);
    fprintf(shell->out, "ip link add %s type veth peer name %s netns \"$dir\"/net", host, peer);
    print_mac_and_mtu(shell, op->veth.has_mac ? op->veth.mac : NULL, op->veth.mtu);
    fputc('\n', shell->out);
    if (op->veth.mtu) fprintf(shell->out, "ip link set %s mtu %u\n", host, op->veth.mtu);
    fprintf(shell->out, "ip link set %s", host);
    if (op->veth.bridge) fprintf(shell->out, " master %s", bridge);
    fputs(" up\n", shell->out);
}

static void do_pasta(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) const char **argv = plan_list_items(shell->block, op->pasta.argv);
    print_netns(shell);
    for (size_t i = 0; argv[i]; i++) {
        if (!strcmp(argv[i], "--foreground")) continue; // here it goes into the background, and with the file
        _cleanup_(freep) char *word = quote(shell, argv[i]);
        fprintf(shell->out, "%s ", word);
    }
    fputs("--netns \"$dir\"/net\n", shell->out);
}

static void do_link_add(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *parent = quote(shell, TEXT(op->child_link.parent)),
                          *name = quote(shell, TEXT(op->child_link.name)),
                          *kind = quote(shell, TEXT(op->child_link.kind)),
                          *mode = quote(shell, TEXT(op->child_link.mode)),
                          *flag = quote(shell, TEXT(op->child_link.flag));
    print_netns(shell);
    fprintf(shell->out, "ip link add link %s name %s netns \"$dir\"/net", parent, name);
    print_mac_and_mtu(shell, op->child_link.has_mac ? op->child_link.mac : NULL, op->child_link.mtu);
    fprintf(shell->out, " type %s", kind);
    if (op->child_link.mode) fprintf(shell->out, " mode %s", mode);
    if (op->child_link.flag) fprintf(shell->out, " %s", flag);
    fputc('\n', shell->out);
}

// As kernel/traffic.c has it, with tc's own words.
static void do_net_rate(struct shell *shell, const struct plan_op *op) {
    char helper_name[16];
    traffic_helper_name(TEXT(op->net_rate.host), helper_name);
    _cleanup_(freep) char *host = quote(shell, TEXT(op->net_rate.host)), *helper = quote(shell, helper_name);
    if (op->net_rate.in)
        fprintf(shell->out, "tc qdisc replace dev %s root tbf rate %" PRIu64 "bit burst 32k latency 100ms\n",
                host, op->net_rate.in);
    if (!op->net_rate.out) return;
    fprintf(shell->out,
            "ip link add %s type ifb\n"
            "tc qdisc replace dev %s root tbf rate %" PRIu64 "bit burst 32k latency 100ms\n"
            "ip link set %s up\n"
            "tc qdisc add dev %s ingress\n"
            "tc filter add dev %s parent ffff: protocol all u32 match u32 0 0 \\\n"
            "    action mirred egress redirect dev %s\n",
            helper, helper, op->net_rate.out, helper, host, host, helper);
}

// The child's side

static void do_cgroup_join(struct shell *shell, const struct plan_op *op) {
    print_write(shell, "0", TEXT(op->path));
}

static void do_link_ipv6(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = quote(shell, TEXT(op->link.name));
    fprintf(shell->out, "[ ! -e /proc/sys/net/ipv6 ] || echo %d > /proc/sys/net/ipv6/conf/%s/disable_ipv6\n",
            !op->link.ipv6, name);
}

static void do_enter_netns(struct shell *shell, const struct plan_op *op) {
    (void)op;
    fputs("ip link set lo up\n", shell->out);
}

static void do_link_up(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = quote(shell, TEXT(op->link.name));
    fprintf(shell->out, "ip link set %s up\n", name);
}

static void do_address_add(struct shell *shell, const struct plan_op *op) {
    char address[INET6_ADDRSTRLEN] = "";
    _cleanup_(freep) char *link = quote(shell, TEXT(op->address.link));
    inet_ntop(op->address.family, op->address.bytes, address, sizeof address);
    fprintf(shell->out, "ip address add %s/%u %sdev %s\n", address, op->address.prefix,
            op->address.family == AF_INET ? "broadcast + " : "", link);
}

static void do_route_add(struct shell *shell, const struct plan_op *op) {
    static const uint8_t none[16];
    char address[INET6_ADDRSTRLEN] = "", to[INET6_ADDRSTRLEN] = "";
    _cleanup_(freep) char *link = quote(shell, TEXT(op->address.link));
    inet_ntop(op->address.family, op->address.bytes, address, sizeof address);
    inet_ntop(op->address.family, op->address.destination, to, sizeof to);
    fprintf(shell->out, "ip %sroute add ", op->address.family == AF_INET ? "" : "-6 ");
    if (op->address.prefix)
        fprintf(shell->out, "%s/%u", to, op->address.prefix);
    else
        fputs("default", shell->out);
    if (memcmp(op->address.bytes, none, sizeof none)) fprintf(shell->out, " via %s", address);
    fprintf(shell->out, " dev %s", link);
    if (op->address.metric) fprintf(shell->out, " metric %u", op->address.metric);
    fputs(op->address.is_outside ? " onlink\n" : "\n", shell->out);
}

static void do_hostname(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = quote(shell, TEXT(op->text));
    fprintf(shell->out, "hostname %s\n", name);
}

static void do_domainname(struct shell *shell, const struct plan_op *op) {
    print_write(shell, TEXT(op->text), "/proc/sys/kernel/domainname");
}

static void do_propagation(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str words = {0};
    words_add(&words, op->propagation.flags, words_propagation, " --make-");
    fprintf(shell->out, "mount --make-%s /\n", str_get(&words));
}

static void add_lower(struct shell *shell, struct plan_list lower, struct str *ret_text) {
    const char *s = TEXT(lower.at);
    for (uint32_t i = 0; i < lower.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *path = quote(shell, s);
        if (i) str_add_char(ret_text, ':');
        str_add(ret_text, str_eq(s, shell->image) ? "\"$dir\"/image" : path);
    }
}

static void do_root_overlay(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str lower = {0};
    add_lower(shell, op->overlay.lower, &lower);
    if (!op->overlay.upper && op->overlay.lower.count == 1) {
        fprintf(shell->out, "mount -o bind,ro %s \"$root\"\n", str_get(&lower));
        return;
    }
    fprintf(shell->out, "mount -t overlay overlay \\\n    -o lowerdir=%s", str_get(&lower));
    if (op->overlay.upper) fputs(",upperdir=\"$dir\"/upper,workdir=\"$dir\"/work", shell->out);
    _cleanup_(freep) char *options = quote(shell, TEXT(op->overlay.options));
    if (op->overlay.options) fprintf(shell->out, ",%s", options);
    fputs(" \"$root\"\n", shell->out);
}

// Made and attached in one step.
static void do_root_attach(struct shell *shell, const struct plan_op *op) {
    const struct plan_op *overlay = plan_find(shell->block, PLAN_ROOT_OVERLAY);
    (void)op;
    if (overlay) do_root_overlay(shell, overlay);
}

static void do_root_bind(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote(shell, TEXT(op->root.path));
    fprintf(shell->out, "mount --rbind %s \"$root\"\n", path);
}

// The files that hoy makes for a container (hosts, resolv.conf) are not there when the script runs: they are
// in the script. Yields the words for the file's name.
static char *embed(struct shell *shell, const char *source) {
    _cleanup_(str_finish) struct str part = {0}, text = {0}, name = {0};
    const char *id = TEXT(shell->block->id);
    str_printf(&part, "/containers/%s/", id);
    if (!*id || !strstr(source, str_get(&part)) || file_read_at(AT_FDCWD, source, EMBED_MAX, &text) ||
        strlen(str_get(&text)) != text.len)
        return quote(shell, source);
    str_printf(&name, "\"$dir\"/file-%d", ++shell->files);
    fprintf(shell->out, "cat > %s", str_get(&name));
    print_document(shell, str_get(&text));
    return str_take(&name);
}

static void print_options(struct shell *shell, const struct plan_op *op, const char *first,
                          const char *data) {
    _cleanup_(str_finish) struct str options = {0};
    words_add(&options, op->mount.flags & ~(uint64_t)(MS_BIND | MS_REC), words_mount_flags, ",");
    if (*data) str_printf(&options, "%s%s", options.len ? "," : "", data);
    if (!options.len && !*first) return;
    _cleanup_(freep) char *quoted = quote(shell, str_get(&options));
    fprintf(shell->out, " -o %s%s%s", first, *first && options.len ? "," : "", options.len ? quoted : "");
}

static void print_bind(struct shell *shell, const struct plan_op *op, const char *target) {
    if (op->mount.pid) {
        fprintf(shell->out, "# (no command takes process %d's %s out of its mount namespace: an empty one)\n",
                op->mount.pid, TEXT(op->mount.source));
        fprintf(shell->out, "mkdir -p %s\nmount -t tmpfs shm %s\n", target, target);
        return;
    }
    _cleanup_(str_finish) struct str path = {0};
    str_printf(&path, "%s%s%s", TEXT(op->mount.source), op->mount.subpath ? "/" : "",
               TEXT(op->mount.subpath));
    _cleanup_(freep) char *source = embed(shell, str_get(&path));
    if (!(op->mount.options & PLAN_MOUNT_NO_CREATE))
        fprintf(shell->out, "mount_point %s %s\n", target, source);
    fputs("mount", shell->out);
    print_options(shell, op, op->mount.flags & MS_REC ? "rbind" : "bind", "");
    fprintf(shell->out, " %s %s\n", source, target);
    if (op->mount.set || op->mount.clear)
        fputs("# (mounts below it stay as they are: that takes util-linux 2.39)\n", shell->out);
}

static void print_new_mount(struct shell *shell, const struct plan_op *op, const char *target) {
    _cleanup_(freep) char *source = quote(shell, TEXT(op->mount.source)),
                          *type = quote(shell, TEXT(op->mount.type));
    bool copy = op->mount.options & PLAN_MOUNT_COPY_UP;
    if (!(op->mount.options & PLAN_MOUNT_NO_CREATE)) fprintf(shell->out, "mkdir -p %s\n", target);
    if (copy) fprintf(shell->out, "cp -a %s/. \"$(mktemp -d \"$dir/copy.XXXXXX\")\"\n", target);
    fprintf(shell->out, "mount -t %s", type);
    print_options(shell, op, "", TEXT(op->mount.data));
    fprintf(shell->out, " %s %s%s\n", *TEXT(op->mount.source) ? source : type, target,
            op->mount.options & PLAN_MOUNT_OPTIONAL ? " || : # not in every kernel" : "");
    if (copy) fprintf(shell->out, "cp -a \"$dir\"/copy.*/. %s\nrm -r \"$dir\"/copy.*\n", target);
}

static void do_mount(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *target = quote_inside(shell, TEXT(op->mount.target));
    if (op->mount.flags & MS_BIND)
        print_bind(shell, op, target);
    else
        print_new_mount(shell, op, target);
    if (!op->mount.propagation) return;
    _cleanup_(str_finish) struct str words = {0};
    words_add(&words, op->mount.propagation, words_propagation, " --make-");
    fprintf(shell->out, "mount --make-%s %s\n", str_get(&words), target);
}

static void do_device(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote_inside(shell, TEXT(op->device.path)),
                          *source = quote(shell, TEXT(op->device.path));
    if (op->device.bind) {
        fprintf(shell->out, "mount_point %s %s\nmount --bind %s %s\n", path, source, source, path);
        return;
    }
    fprintf(shell->out, "mknod -m %04o %s ", op->device.mode & 07777, path);
    if (S_ISFIFO(op->device.mode))
        fputs("p\n", shell->out);
    else
        fprintf(shell->out, "%c %u %u\n", S_ISBLK(op->device.mode) ? 'b' : 'c', op->device.major,
                op->device.minor);
    if (op->device.uid || op->device.gid)
        fprintf(shell->out, "chown %u:%u %s\n", op->device.uid, op->device.gid, path);
}

static void do_symlink(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote_inside(shell, TEXT(op->link_to.path)),
                          *target = quote(shell, TEXT(op->link_to.target));
    fprintf(shell->out, "ln -s %s %s\n", target, path);
}

static void do_console(struct shell *shell, const struct plan_op *op) {
    if (op->console.controlling_only) return;
    fputs("if terminal=$(tty); then\n"
          "    mount_point \"$root\"/dev/console \"$terminal\"\n"
          "    mount --bind \"$terminal\" \"$root\"/dev/console\n"
          "fi\n",
          shell->out);
}

static void do_sysctl(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str file = {0};
    str_printf(&file, "/proc/sys/%s", TEXT(op->write.file));
    print_write(shell, TEXT(op->write.value), str_get(&file));
}

static void do_remount(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *target = quote_inside(shell, TEXT(op->mount.target));
    bool whole = op->mount.flags & MS_REMOUNT && !(op->mount.flags & MS_BIND);
    fputs("mount", shell->out);
    struct plan_op other = *op;
    other.mount.flags &= ~(uint64_t)MS_REMOUNT;
    print_options(shell, &other, whole ? "remount" : "remount,bind", TEXT(op->mount.data));
    fprintf(shell->out, " %s\n", target);
}

static void do_directory(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *target = quote_inside(shell, TEXT(op->path));
    fprintf(shell->out, "mkdir -p %s\n", target);
}

static void do_readonly_path(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote_inside(shell, TEXT(op->path));
    fprintf(shell->out, "read_only %s\n", path);
}

static void do_mask_path(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = quote_inside(shell, TEXT(op->path));
    fprintf(shell->out, "hide %s\n", path);
}

static void do_volume_mount(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *type = quote(shell, TEXT(op->volume.type)),
                          *device = quote(shell, TEXT(op->volume.device)),
                          *target = quote(shell, TEXT(op->volume.target));
    _cleanup_(str_finish) struct str options = {0};
    words_add(&options, op->volume.flags & ~(uint64_t)(MS_BIND | MS_REC), words_mount_flags, ",");
    if (op->volume.flags & MS_BIND) str_printf(&options, "%sbind", options.len ? "," : "");
    if (op->volume.data) str_printf(&options, "%s%s", options.len ? "," : "", TEXT(op->volume.data));
    _cleanup_(freep) char *quoted = quote(shell, str_get(&options));
    fprintf(shell->out, "mountpoint -q %s || mount -t %s %s%s %s %s\n", target, type,
            options.len ? "-o " : "", options.len ? quoted : "", device, target);
}

static void do_root_readonly(struct shell *shell, const struct plan_op *op) {
    (void)op;
    fputs("mount -o remount,bind,ro \"$root\"\n", shell->out);
}

static void do_oom_score_adj(struct shell *shell, const struct plan_op *op) {
    print_write(shell, TEXT(op->text), "/proc/self/oom_score_adj");
}

static void (*const functions[PLAN_OP_COUNT])(struct shell *, const struct plan_op *) = {
    [PLAN_IMAGE_MOUNT] = do_image_mount,
    [PLAN_VOLUME_MOUNT] = do_volume_mount,
    [PLAN_SCOPE_START] = do_nothing, // its heading says why
    [PLAN_CGROUP_CREATE] = do_cgroup_create,
    [PLAN_CGROUP_WRITE] = do_cgroup_write,
    [PLAN_CGROUP_OWNER] = do_cgroup_owner,
    [PLAN_CGROUP_DEVICES] = do_nothing, // its heading says why
    [PLAN_VETH_ADD] = do_veth_add,
    [PLAN_PASTA] = do_pasta,
    [PLAN_LINK_ADD] = do_link_add,
    [PLAN_NET_RATE] = do_net_rate,
    [PLAN_CNI] = do_nothing, // its heading says why
    [PLAN_NET_DEVICE] = do_net_device,
    [PLAN_PUBLISH] = do_publish,
    [PLAN_RESOLVER] = do_nothing, // its heading says why
    [PLAN_RESCTRL] = do_resctrl,
    [PLAN_CPU_AFFINITY] = do_cpu_affinity,
    [PLAN_KEYRING] = do_nothing,
    [PLAN_APPARMOR] = do_label,
    [PLAN_SELINUX] = do_label,
    [PLAN_CGROUP_JOIN] = do_cgroup_join,
    [PLAN_LINK_IPV6] = do_link_ipv6,
    [PLAN_ENTER_NETNS] = do_enter_netns,
    [PLAN_LINK_UP] = do_link_up,
    [PLAN_ADDRESS_ADD] = do_address_add,
    [PLAN_ROUTE_ADD] = do_route_add,
    [PLAN_HOSTNAME] = do_hostname,
    [PLAN_DOMAINNAME] = do_domainname,
    [PLAN_PROPAGATION] = do_propagation,
    [PLAN_ROOT_OVERLAY] = do_root_overlay,
    [PLAN_ROOT_ATTACH] = do_root_attach,
    [PLAN_ROOT_BIND] = do_root_bind,
    [PLAN_MOUNT] = do_mount,
    [PLAN_DEVICE] = do_device,
    [PLAN_SYMLINK] = do_symlink,
    [PLAN_CONSOLE] = do_console,
    [PLAN_SYSCTL] = do_sysctl,
    [PLAN_REMOUNT] = do_remount,
    [PLAN_DIRECTORY] = do_directory,
    [PLAN_READONLY_PATH] = do_readonly_path,
    [PLAN_MASK_PATH] = do_mask_path,
    [PLAN_ROOT_READONLY] = do_root_readonly,
    [PLAN_OOM_SCORE_ADJ] = do_oom_score_adj,
    // Options of unshare and nsenter: CLONE, JOIN, JOIN_PID, UNSHARE, TIME_OFFSETS.
    // In print_end(), where they are options of one command: everything INSIDE.
};

static void print_ops(struct shell *shell, enum plan_side side, enum plan_op_type only,
                      enum plan_op_type without) {
    const struct plan_op *ops = plan_ops(shell->block);
    for (uint32_t i = 0; i < shell->block->count; i++) {
        if (ops[i].side != side || !functions[ops[i].type]) continue;
        if (only != PLAN_OP_COUNT && ops[i].type != only) continue;
        if (ops[i].type == without || (ops[i].type == PLAN_ROOT_OVERLAY && side == PLAN_PARENT)) continue;
        print_heading(shell, &ops[i]);
        functions[ops[i].type](shell, &ops[i]);
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
            "root=$dir/root\n"
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
        if (ops[i].type == PLAN_PUBLISH) print_ports(shell, "delete", &ops[i]);
        if (ops[i].type == PLAN_NET_RATE && ops[i].net_rate.out) {
            char helper[16];
            traffic_helper_name(TEXT(ops[i].net_rate.host), helper);
            _cleanup_(freep) char *name = quote(shell, helper);
            fprintf(shell->out, "    ip link delete %s 2> /dev/null\n", name);
        }
        if (ops[i].type != PLAN_CGROUP_CREATE) continue;
        _cleanup_(freep) char *path = quote(shell, TEXT(ops[i].path));
        fprintf(shell->out, "    rmdir %s 2> /dev/null\n", path);
    }
    if (needs_netns(shell))
        fputs("    umount \"$dir\"/net 2> /dev/null # and its interfaces go with it\n", shell->out);
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
    fputs(" \\\n    sh /dev/fd/3 3<<'CHILD' 4<<'CONTAINER' || status=$?\n", shell->out);
}

static void print_joins(struct shell *shell) {
    const struct plan_op *ops = plan_ops(shell->block);
    for (uint32_t i = 0; i < shell->block->count; i++) {
        if (ops[i].type != PLAN_JOIN && ops[i].type != PLAN_JOIN_PID) continue;
        fputs("nsenter", shell->out);
        _cleanup_(freep) char *path = quote(shell, TEXT(ops[i].join.path));
        for (const struct word *w = words_namespaces; w->bits; w++)
            if (ops[i].join.flags & w->bits) fprintf(shell->out, " --%s=%s", w->text, path);
        fputc(' ', shell->out);
    }
}

static void print_child(struct shell *shell, const struct plan_op *clone) {
    fputs("set -eu\n", shell->out);
    if (clone->clone.cgroup) {
        _cleanup_(str_finish) struct str file = {0};
        str_printf(&file, "%s/cgroup.procs", TEXT(clone->clone.cgroup));
        fprintf(shell->out, "\n# Into the cgroup (hoy has the process born there). 0 is whoever writes.\n");
        print_write(shell, "0", str_get(&file));
    }
    print_ops(shell, PLAN_CHILD, PLAN_CGROUP_JOIN, PLAN_OP_COUNT);
    fputs("\n# What it sees of the cgroups begins at its own.\nexec ", shell->out);
    print_joins(shell);
    if (unshare_flags(shell) & CLONE_NEWCGROUP) fputs("unshare --cgroup ", shell->out);
    fputs("sh /dev/fd/4\nCHILD\n", shell->out);
}

static void print_helpers(struct shell *shell) {
    fputs("set -eu\n"
          "exec 3<&- 4<&-\n\n"
          "mount_point() { # something to mount on, like what will be mounted\n"
          "    if [ -d \"$2\" ]; then mkdir -p \"$1\"; return; fi\n"
          "    mkdir -p \"${1%/*}\"\n"
          "    [ -e \"$1\" ] || : > \"$1\"\n"
          "}\n"
          "read_only() {\n"
          "    [ -e \"$1\" ] || return 0\n"
          "    mount --rbind \"$1\" \"$1\"\n"
          "    mount -o remount,bind,ro \"$1\"\n"
          "}\n"
          "hide() {\n"
          "    if [ -d \"$1\" ]; then\n"
          "        mount -t tmpfs -o ro,nosuid,nodev,noexec,size=0,mode=555,nr_inodes=1 tmpfs \"$1\"\n"
          "    elif [ -e \"$1\" ]; then\n"
          "        mount --bind /dev/null \"$1\"\n"
          "    fi\n"
          "}\n",
          shell->out);
}

// The end

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
    _cleanup_(freep) char *u = *name ? quote(shell, str_get(&first)) : NULL,
                          *g = quote(shell, str_get(&second));
    fputs("\n# Who it runs as, by the image's own files.\n", shell->out);
    if (*name)
        fprintf(shell->out, "user=%s group=%s groups=''\n", u, g);
    else
        fprintf(shell->out, "user=%u group=%u groups=''\n", uid, gid);
    fputs("passwd=$(awk -F: -v u=\"$user\" '$1 == u || $3 == u { print; exit }' \"$root\"/etc/passwd || :)\n"
          "field() { echo \"$passwd\" | cut -d: -f\"$1\"; }\n"
          "home=/\n"
          "if [ -n \"$passwd\" ]; then\n"
          "    user=$(field 3) home=$(field 6)\n"
          "    group=${group:-$(field 4)}\n"
          "    groups=$(awk -F: -v u=\"$(field 1)\" \\\n"
          "        '(\",\" $4 \",\") ~ (\",\" u \",\") { printf \",%s\", $3 }' \"$root\"/etc/group || :)\n"
          "fi\n"
          "case ${group:=0} in *[!0-9]*)\n"
          "    group=$(awk -F: -v g=\"$group\" '$1 == g { print $3; exit }' \"$root\"/etc/group) ;;\n"
          "esac\n",
          shell->out);
    const char *more = op ? TEXT(op->user.groups.at) : "";
    for (uint32_t i = 0; op && i < op->user.groups.count; i++, more += strlen(more) + 1) {
        _cleanup_(freep) char *quoted = quote(shell, more);
        fprintf(shell->out, "groups=$groups,%s\n", quoted);
    }
    fputs("groups=$group$groups\n", shell->out);
}

static void print_tools(struct shell *shell) {
    fputs("\n# The host's programs are about to be gone, and the image may have none. Those that are needed "
          "to\n"
          "# the end are copied, with their libraries, into a tmpfs that goes with the host's root.\n"
          "mount -t tmpfs -o mode=755 tmpfs \"$dir\"/tools\n"
          "for tool in umount setpriv env; do\n"
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
    _cleanup_(freep) char *cwd = quote(shell, workdir ? TEXT(workdir->workdir.path) : "/");
    fprintf(shell->out, "    $run ./env -i --chdir=%s", cwd);
    if (!exec) return;
    bool home = false;
    const char *s = TEXT(exec->exec.env.at);
    for (uint32_t i = 0; i < exec->exec.env.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *quoted = quote(shell, s);
        home = home || str_has_prefix(s, "HOME=");
        if (strchr(s, '=')) fprintf(shell->out, " \\\n    %s", quoted);
    }
    if (!home) fputs(" \\\n    HOME=\"$home\"", shell->out);
    fputs(" \\\n   ", shell->out);
    s = TEXT(exec->exec.argv.at);
    for (uint32_t i = 0; i < exec->exec.argv.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *quoted = quote(shell, s);
        fprintf(shell->out, " %s", quoted);
    }
    fputc('\n', shell->out);
}

// Of the shell, which is to be the command.
static void print_tuning(struct shell *shell) {
    const struct plan_op *op = plan_find(shell->block, PLAN_SCHEDULER);
    if (op) {
        print_heading(shell, op);
        fprintf(shell->out, "chrt --%s -p %u $$\nrenice -n %d -p $$ > /dev/null\n",
                words_policy(op->scheduler.policy), op->scheduler.priority, op->scheduler.nice);
    }
    op = plan_find(shell->block, PLAN_IO_PRIORITY);
    if (op) {
        print_heading(shell, op);
        fprintf(shell->out, "ionice -c %u -n %u -p $$\n", op->io_priority.io_class, op->io_priority.priority);
    }
    op = plan_find(shell->block, PLAN_MEMORY_POLICY);
    if (op) fputs("\n# (Its memory policy is left out: numactl is a program's own.)\n", shell->out);
    op = plan_find(shell->block, PLAN_PERSONALITY);
    if (op) fputs("\n# (Its personality is left out: setarch is a program's own.)\n", shell->out);
    op = plan_find(shell->block, PLAN_LISTENER);
    if (op) fputs("\n# (No tool sends a filter's listener: it is left out.)\n", shell->out);
}

static void print_end(struct shell *shell) {
    const struct plan_op *workdir = plan_find(shell->block, PLAN_WORKDIR),
                         *umask = plan_find(shell->block, PLAN_UMASK);
    print_user(shell, plan_find(shell->block, PLAN_USER));
    print_tools(shell);
    print_seccomp(shell);
    if (workdir && workdir->workdir.create) {
        _cleanup_(freep) char *path = quote_inside(shell, TEXT(workdir->workdir.path));
        fprintf(shell->out, "mkdir -p %s\n", path);
    }
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
    print_unshare(&shell, clone);
    print_child(&shell, clone);
    print_helpers(&shell);
    print_ops(&shell, PLAN_CHILD, PLAN_OP_COUNT, PLAN_CGROUP_JOIN);
    print_end(&shell);
    fputs("CONTAINER\nexit \"$status\"\n", out);
}
