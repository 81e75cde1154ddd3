// SPDX-License-Identifier: Apache-2.0
// A container as data: a flat array of typed operations, and the strings they point into, in one block of
// memory with offsets instead of pointers.
//
// The compiler (src/runtime for a config.json; src/image, src/network for the engine's own work) adds
// operations with a struct plan. plan_save() writes the block to a file in the container's run directory, and
// from then on every reader maps that one file:
//   the executor (execute.h) does the operations and writes state, result and time into each, in place;
//   the undo     (undo.h)    walks the host-side ones backwards: after a failure, when the container ends, or
//                            when a later command finds that a crash left some half done: the file is the
//                            record that was written ahead;
//   explain      (explain.h) prints each in plain words;
//   the emitter  (shell.h)   prints a shell script that makes the same container by hand.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Where an operation runs. The order in which the sides run is fixed, and inside a side it is the array's:
// HOST, whose last operation is the clone, then PARENT in the parent while CHILD goes on in the child. Where
// one needs what the other has done, a pair of operations says so: GO lets the child's next WAIT end, READY
// the parent's next AWAIT. STARTED comes when the command runs, STOPPED when all has been undone.
enum plan_side {
    PLAN_HOST,    // in the parent, before there is a child
    PLAN_PARENT,  // in the parent, after the clone: what needs the child's pid
    PLAN_CHILD,   // in the child, with the host's root still reachable
    PLAN_INSIDE,  // in the child, in the container's own root
    PLAN_STARTED, // on the host, by whoever started the command
    PLAN_STOPPED, // on the host, by whoever removed the container
    PLAN_SIDE_COUNT
};

enum plan_state {
    PLAN_PENDING,
    PLAN_BEGUN, // written before it is tried: undo must look after it
    PLAN_DONE,
    PLAN_FAILED,
    PLAN_UNDONE,
};

// Offsets into the plan's strings. 0 is the empty string (and an absent one).
typedef uint32_t plan_str;
// count strings one after the other, each with its NUL.
struct plan_list {
    uint32_t at, count;
};
struct plan_blob {
    uint32_t at, size;
};

#include "plan/upkeep.h" // made of these

// Every operation, the side that it has unless somebody gives it another one, and its member of the union.
#define PLAN_OPS(X)                                       \
    X(IMAGE_MOUNT, image_mount, PLAN_PARENT, image_mount) \
    X(VOLUME_MOUNT, volume_mount, PLAN_HOST, volume)      \
    X(SCOPE_START, scope_start, PLAN_HOST, scope)         \
    X(CGROUP_CREATE, cgroup_create, PLAN_HOST, path)      \
    X(CGROUP_WRITE, cgroup_write, PLAN_PARENT, write)     \
    X(CGROUP_OWNER, cgroup_owner, PLAN_HOST, owner)       \
    X(CGROUP_DEVICES, cgroup_devices, PLAN_PARENT, bpf)   \
    X(TIME_OFFSETS, time_offsets, PLAN_HOST, text)        \
    X(CLONE, clone, PLAN_HOST, clone)                     \
    X(ID_MAP, id_map, PLAN_PARENT, id_map)                \
    X(VETH_ADD, veth_add, PLAN_PARENT, veth)              \
    X(BRIDGE_PORT, bridge_port, PLAN_PARENT, bridge_port) \
    X(PASTA, pasta, PLAN_PARENT, pasta)                   \
    X(LINK_ADD, link_add, PLAN_PARENT, child_link)        \
    X(NET_RATE, net_rate, PLAN_PARENT, net_rate)          \
    X(CNI, cni, PLAN_PARENT, cni)                         \
    X(NET_DEVICE, net_device, PLAN_PARENT, net_device)    \
    X(PUBLISH, publish, PLAN_PARENT, publish)             \
    X(RESOLVER, resolver, PLAN_PARENT, resolver)          \
    X(RESCTRL, resctrl, PLAN_PARENT, resctrl)             \
    X(IDMAP_TREE, idmap_tree, PLAN_PARENT, idmap_tree)    \
    X(NETNS, netns, PLAN_PARENT, none)                    \
    X(GO, go, PLAN_PARENT, none)                          \
    X(AWAIT, await, PLAN_PARENT, none)                    \
    X(READY, ready, PLAN_CHILD, none)                     \
    X(WAIT, wait, PLAN_CHILD, none)                       \
    X(ENTER_NETNS, enter_netns, PLAN_CHILD, none)         \
    X(HOOK, hook, PLAN_PARENT, hook)                      \
    X(CGROUP_JOIN, cgroup_join, PLAN_CHILD, path)         \
    X(CPU_AFFINITY, cpu_affinity, PLAN_CHILD, numbers)    \
    X(JOIN, join, PLAN_CHILD, join)                       \
    X(BECOME_ROOT, become_root, PLAN_CHILD, none)         \
    X(KEYRING, keyring, PLAN_CHILD, keyring)              \
    X(APPARMOR, apparmor, PLAN_CHILD, text)               \
    X(SELINUX, selinux, PLAN_CHILD, text)                 \
    X(UNSHARE, unshare, PLAN_CHILD, unshare)              \
    X(LINK_IPV6, link_ipv6, PLAN_CHILD, link)             \
    X(LINK_UP, link_up, PLAN_CHILD, link)                 \
    X(ADDRESS_ADD, address_add, PLAN_CHILD, address)      \
    X(ROUTE_ADD, route_add, PLAN_CHILD, address)          \
    X(HOSTNAME, hostname, PLAN_CHILD, text)               \
    X(DOMAINNAME, domainname, PLAN_CHILD, text)           \
    X(PROPAGATION, propagation, PLAN_CHILD, propagation)  \
    X(ROOT_OVERLAY, root_overlay, PLAN_PARENT, overlay)   \
    X(ROOT_ATTACH, root_attach, PLAN_CHILD, root)         \
    X(ROOT_BIND, root_bind, PLAN_CHILD, root)             \
    X(MOUNT, mount, PLAN_CHILD, mount)                    \
    X(REMOUNT, remount, PLAN_CHILD, mount)                \
    X(DIRECTORY, directory, PLAN_CHILD, path)             \
    X(DEVICE, device, PLAN_CHILD, device)                 \
    X(SYMLINK, symlink, PLAN_CHILD, link_to)              \
    X(CONSOLE, console, PLAN_CHILD, console)              \
    X(SYSCTL, sysctl, PLAN_CHILD, write)                  \
    X(READONLY_PATH, readonly_path, PLAN_CHILD, path)     \
    X(MASK_PATH, mask_path, PLAN_CHILD, path)             \
    X(ROOT_READONLY, root_readonly, PLAN_CHILD, none)     \
    X(PIVOT_ROOT, pivot_root, PLAN_CHILD, none)           \
    X(OOM_SCORE_ADJ, oom_score_adj, PLAN_CHILD, text)     \
    X(RLIMIT, rlimit, PLAN_INSIDE, rlimit)                \
    X(SCHEDULER, scheduler, PLAN_INSIDE, scheduler)       \
    X(IO_PRIORITY, io_priority, PLAN_INSIDE, io_priority) \
    X(MEMORY_POLICY, memory_policy, PLAN_INSIDE, numbers) \
    X(PERSONALITY, personality, PLAN_INSIDE, mode)        \
    X(UMASK, umask, PLAN_INSIDE, mode)                    \
    X(BOUNDING_CAPS, bounding_caps, PLAN_INSIDE, caps)    \
    X(USER, user, PLAN_INSIDE, user)                      \
    X(WORKDIR, workdir, PLAN_INSIDE, workdir)             \
    X(CAPS, caps, PLAN_INSIDE, caps)                      \
    X(NO_NEW_PRIVS, no_new_privs, PLAN_INSIDE, none)      \
    X(SECCOMP, seccomp, PLAN_INSIDE, bpf)                 \
    X(LISTENER, listener, PLAN_PARENT, listener)          \
    X(INIT, init, PLAN_INSIDE, none)                      \
    X(START, start, PLAN_INSIDE, none)                    \
    X(EXEC, exec, PLAN_INSIDE, exec)

enum plan_op_type {
#define X(NAME, name, side, member) PLAN_##NAME,
    PLAN_OPS(X)
#undef X
        PLAN_OP_COUNT
};

// Mount flags beyond the MS_* of mount(2), in plan_op.mount.options.
#define PLAN_MOUNT_RECURSIVE_READONLY 0x1   // rro: told by mount.set as well
#define PLAN_MOUNT_NO_CREATE          0x2   // fail when the target is not there, instead of making it
#define PLAN_MOUNT_COPY_UP            0x4   // tmpfs: starts with what the image has at the target
#define PLAN_MOUNT_OPTIONAL           0x8   // go on when the kernel does not have this file system
#define PLAN_MOUNT_SOURCE_NOFOLLOW    0x10  // a symbolic link as the source is mounted itself
#define PLAN_MOUNT_TARGET_NOFOLLOW    0x20  // a symbolic link as the target is mounted over
#define PLAN_MOUNT_COPY_SYMLINK       0x40  // a symbolic link as the source is made anew at the target
#define PLAN_MOUNT_IDMAP              0x80  // files change owner by a map
#define PLAN_MOUNT_IDMAP_RECURSIVE    0x100 // those of the mounts below, too
#define PLAN_MOUNT_VOLUME             0x200 // with COPY_UP: the source is a volume, filled once for all

// What RESCTRL made, in plan_op.resctrl.made.
#define PLAN_RESCTRL_GROUP   0x1
#define PLAN_RESCTRL_MONITOR 0x2

// A run of published ports, from host_port and port on. What count is 0 is a free place.
struct plan_port {
    uint8_t family, protocol; // AF_INET, AF_INET6; IPPROTO_*
    uint8_t respect;          // the host's firewall decides who comes in
    uint8_t host[16];         // the host's address; zeros: all of the family
    uint8_t address[16];      // the container's
    uint16_t host_port, port;
    uint32_t count;
};

struct plan_op {
    uint16_t type;
    uint8_t side;
    uint8_t state;    // enum plan_state, written by the executor and the undo
    int32_t result;   // -errno of the attempt
    uint32_t time_ns; // how long it took; saturates at 4.2 s
    plan_str why;     // the flag, image field or default that caused it
    union {
        plan_str path; // DIRECTORY, CGROUP_CREATE, READONLY_PATH, MASK_PATH; CGROUP_JOIN: the tasks or
                       // cgroup.procs file
        plan_str text;
        struct { // the merged index of an image (or nothing for the dir driver), mounted once for all
            plan_str index;          // the EROFS file
            struct plan_list layers; // its devices: the layers' tars, in the index's order
            plan_str target;         // where on the host it is mounted
            plan_str lock;           // a file: shared lock while a container uses it, exclusive to unmount
        } image_mount;
        struct { // a volume with options, mounted once for all that use it
            plan_str name;
            plan_str type, device, data; // type "bind" (or "none"): device is a directory
            plan_str target, lock;       // as of an image
            uint64_t flags;              // MS_*
        } volume;
        struct { // a cgroup that systemd makes and owns, by hoy-systemd; the operations for it come after
            struct plan_list start, stop; // what to execute, the first word being the program's path
            plan_str group;               // where it has to come to be, below each hierarchy's root
        } scope;
        struct { // file: an absolute path; for SYSCTL the key's path below /proc/sys
            plan_str file, value;
            uint32_t optional; // a missing file is no failure
            plan_str instead;  // nor is it where this file is there: the kernel has the one or the other
        } write;
        struct { // the v2 cgroup whose processes and groups below are the user's to arrange
            plan_str path;
            uint32_t uid;
        } owner;
        struct {
            plan_str path; // CGROUP_DEVICES: the v2 cgroup
            struct plan_blob program;
        } bpf;
        struct { // CLONE_NEW* of namespaces to join: of a process (pid), or one by path. On side HOST: by a
                 // helper from which the child is born, as some of them belong to the host
            plan_str path; // with a pid: that process's, and only if it is still that one
            int32_t pid;
            uint64_t flags;
            uint64_t
                start_time; // of pid, as process_stat has it: another process may have its number; 0: any
        } join;
        struct {
            uint64_t flags;  // CLONE_NEW*
            plan_str cgroup; // the v2 cgroup to be born in (CLONE_INTO_CGROUP), or ""
        } clone;
        struct { // the text for /proc/PID/uid_map and gid_map
            plan_str uid, gid;
            uint32_t deny_setgroups;
        } id_map;
        struct {
            plan_str host, peer; // names; peer is the one in the container
            uint8_t mac[6];      // the peer's
            uint16_t has_mac;
            uint32_t mtu;  // 0: the kernel's default
            int32_t index; // the host's end, once it is there
        } veth;
        struct { // hairpin: it gets back what it sends to itself
            plan_str link, bridge;
            uint32_t hairpin;
        } bridge_port;
        struct { // the program pasta, which joins the child's network namespace with the host's
            struct plan_list argv; // its path, and options but those for the namespace and its pid
            int32_t pid;           // written by the executor, for the undo
            uint64_t start_time;
        } pasta;
        struct { // an interface in the container that shares one of the host's: words as in kernel/link.h
            plan_str kind, mode, flag; // "macvlan", "ipvlan"; mode and flag may be ""
            plan_str parent, name;
            uint8_t mac[6];
            uint16_t has_mac;
            uint32_t mtu; // 0: the parent's
        } child_link;
        struct { // a network whose interface is made by plugins, which hoy runs
            plan_str network;
            struct plan_list add, remove; // what to execute; to add comes the child's pid at the end
        } cni;
        struct { // how fast the container receives and sends through this interface of the host's
            plan_str host;
            uint64_t in, out; // bits a second; 0: no limit
        } net_rate;
        struct {
            plan_str name;
            uint32_t ipv6; // LINK_IPV6: on or off
        } link;
        struct { // an interface of the host's; netns: the namespace by path, or "" for the child's
            plan_str name, new_name, netns;
        } net_device;
        struct {
            plan_str table;         // of nftables
            struct plan_blob ports; // struct plan_port: those of the start, and free places for later ones
            struct plan_list proxy; // argv of what the shim executes for ports that the kernel can't hand on
            uint32_t closed;        // written by the undo: what is added now would stay
            uint32_t flushed;       // written by the executor: somebody had taken all rules away
            int32_t keeper, bag;    // written by the shim: its pid, and its descriptor of the ports' sockets
        } publish;
        struct { // a group of resctrl, and one in it that counts for this container alone
            plan_str group, monitor, schemata;
            uint32_t must_exist;
            uint32_t made; // written by the executor, for the undo: PLAN_RESCTRL_*
        } resctrl;
        struct { // a mount that the parent makes and hands to the child's next MOUNT with PLAN_MOUNT_IDMAP
            plan_str source;
            plan_str uid, gid;    // as in id_map; "": those of the container's user namespace
            uint64_t flags;       // MS_REC: with what is mounted below
            uint64_t propagation; // what the host's mounts have in the container's namespace
            uint32_t options;     // PLAN_MOUNT_*
        } idmap_tree;
        struct {                   // CPUs, or memory nodes with a MPOL_* and its flags
            plan_str list;         // as it was written
            struct plan_blob bits; // uint64_t
            uint32_t mode;
        } numbers;
        struct {                    // the container's names on its networks
            plan_str text;          // what the resolver is told (resolver/scope.h)
            struct plan_list files; // that others find it by, on the host: the undo removes them
        } resolver;
        struct {
            plan_str name, label; // label: SELinux's, or ""
        } keyring;
        struct { // as sched_setattr(2) has it
            uint32_t policy;
            int32_t nice;
            uint32_t priority;
            uint64_t flags, runtime, deadline, period; // nanoseconds
        } scheduler;
        struct {
            uint32_t io_class, priority; // IOPRIO_CLASS_*
        } io_priority;
        struct {
            plan_str path;   // a unix socket that gets the filter's listener
            plan_str before; // the message is: before, the child's pid, ",\"state\":", the state, "}"
            plan_str status; // in the state: "creating" …
            int32_t pid;     // in the state; 0: the child's
        } listener;
        struct { // ROUTE_ADD: a route through the address bytes; all zero: to what the link reaches by itself
            plan_str link;
            uint8_t family;     // AF_INET, AF_INET6
            uint8_t prefix;     // bits; of a route's destination, 0: the default route
            uint8_t is_outside; // a gateway that is in no subnet of the link
            uint8_t bytes[16];
            uint8_t destination[16];
            uint32_t metric; // 0: the kernel's default
        } address;
        struct {
            uint64_t flags; // CLONE_NEW*
        } unshare;
        struct {
            uint64_t flags; // MS_PRIVATE, …, with MS_REC, on "/"
        } propagation;
        struct { // PARENT: made there, detached, for a ROOT_ATTACH; CHILD: attached where it is made
            struct plan_list lower; // upper-most first
            plan_str upper, work;   // upper empty: a read-only overlay
            plan_str options;       // "volatile", …
            plan_str attach;        // an empty host directory to attach it at, inside the container's mount
                                    // namespace only
        } overlay;
        struct {
            plan_str path, attach; // attach may be path itself; ROOT_ATTACH: attach only
        } root;
        struct {
            plan_str source, target, type; // target inside the root; type "bind" for a bind mount
            uint64_t flags;                // MS_*
            uint64_t propagation;          // MS_PRIVATE … or 0
            uint64_t unset;                // MS_* that a copy loses
            plan_str data;
            plan_str subpath;    // of a bind mount's source, resolved inside it; or ""
            uint32_t options;    // PLAN_MOUNT_*
            int32_t pid;         // the source, a tmpfs, is this process's; 0: the host's
            uint64_t start_time; // of pid, as in join
            uint64_t set, clear; // MOUNT_ATTR_* for this mount and all below it: rro, rnosuid, rdev …
        } mount;
        struct {
            plan_str path;
            uint32_t mode, major, minor, uid, gid; // mode with S_IFCHR, S_IFBLK or S_IFIFO
            uint32_t bind;                         // bind the host's node instead (user namespaces)
        } device;
        struct {
            plan_str target, path; // path inside the root is a link that says target
        } link_to;
        struct { // a new pty of the container's own devpts; its master goes to the parent
            uint16_t rows, columns;
            uint32_t controlling_only; // exec -t: no /dev/console
        } console;
        struct {
            int32_t resource;
            plan_str text; // for the sentence of a failure: "nofile=10:20"
            uint64_t soft, hard;
        } rlimit;
        struct {
            uint32_t mode; // PERSONALITY: PER_*
        } mode;
        struct { // bit n: capability n. BOUNDING_CAPS uses bounding only.
            uint64_t bounding, effective, permitted, inheritable, ambient;
            uint32_t of_root; // another user has none effective or permitted: the executor writes 0 here
        } caps;
        struct { // name: "user[:group]" looked up in the container's own passwd and group; or the numbers
            plan_str name;
            struct plan_list groups; // --group-add: names or numbers
            uint32_t uid, gid;
            uint32_t keep_groups; // the supplementary ones stay those of whoever began
        } user;
        struct {
            plan_str path;
            uint32_t create;
        } workdir;
        struct {
            struct plan_list argv, env;
        } exec;
        struct {                         // a program of somebody else's, which reads the container's state
            plan_str path, kind, status; // kind: "createRuntime" …; status: "creating" …
            struct plan_list argv, env;
            uint32_t timeout_s;      // 0: none
            plan_str output, errors; // files of the host's that get what it says, or "": our own sentence
        } hook;
        uint32_t none; // PIVOT_ROOT: 1, not by pivot_root. BECOME_ROOT: 1, with the same supplementary groups
    };
};

#define PLAN_MAGIC 0x34796f68 // "hoy4": of another layout than what an older hoy wrote

// What to do with the container's standard streams.
enum plan_stdio { PLAN_STDIO_PIPES, PLAN_STDIO_TERMINAL, PLAN_STDIO_INHERIT };

#define PLAN_NAME_SIZE 256

// Where a container's output goes. The texts are finished: a tag is expanded, attributes are written as the
// file's form has them.
enum plan_log_file { PLAN_LOG_NO_FILE, PLAN_LOG_JSON, PLAN_LOG_LOCAL };
enum plan_log_socket { PLAN_LOG_NO_SOCKET, PLAN_LOG_JOURNAL, PLAN_LOG_SYSLOG };
enum plan_log_stamp {
    PLAN_LOG_STAMP_UNIX,
    PLAN_LOG_STAMP_RFC3164,
    PLAN_LOG_STAMP_RFC5424,
    PLAN_LOG_STAMP_MICRO
};
// max_files, max_bytes, tells and drops may be changed while the shim runs: it reads them when it needs them.
struct plan_log {
    uint8_t file, socket;     // enum plan_log_file, plan_log_socket
    uint8_t stamp;            // of syslog: enum plan_log_stamp
    uint8_t facility;         // of syslog
    uint8_t drops;            // a receiver that takes nothing is not waited for at all
    int32_t utc_offset_s;     // of syslog's times
    uint8_t tells;            // `rotated` is executed
    uint32_t max_files;       // rotated ones and the one that is written
    uint64_t max_bytes;       // of each; 0: no end
    plan_str name;            // of the file, in the container's directory
    struct plan_blob fixed;   // in each entry of a file: what comes after the stream's name
    struct plan_blob fields;  // of each message to a journal
    plan_str host, tag;       // syslog's, as they stand between the time and the message
    struct plan_list rotated; // argv of what the shim executes after a rotation
};

// The file's head; after it the operations, after them the strings.
struct plan_block {
    uint32_t magic;
    uint32_t size; // of the whole block
    uint32_t count;
    uint32_t strings;            // offset of the strings from the head
    plan_str id;                 // the container's (or exec's)
    struct plan_list on_exit;    // argv of what the shim executes at its end: to start it again, or
                                 // to remove it when nobody listened
    struct plan_list streams;    // what its 0, 1 and 2 are by /proc's words, if they are the caller's
    uint8_t stdio;               // enum plan_stdio
    uint8_t keep_stdin;          // -i: else the container reads /dev/null
    uint8_t is_exec;             // into a container that runs: its end kills nothing else
    uint8_t leaves;              // the shim goes when the command runs, or is ready to
    uint8_t no_subreaper;        // orphans are not the shim's
    uint8_t keep;                // the container is not removed at its end
    uint8_t log_json;            // SHIM_FD_ERRORS wants JSON
    uint8_t watch_oom;           // memory is limited: what happens for lack of it is an event
    uint8_t preserve;            // so many descriptors from 3 on go to the command
    uint8_t auto_remove;         // --rm
    uint8_t stop_signal;         // what asks it to end
    int32_t stop_timeout_s;      // and how long it may take; -1: no limit
    struct plan_restart restart; // the policy is written by `update`, the rest by the shim
    struct plan_health health;
    int64_t created_ns;                 // wall clock
    plan_str state_before, state_after; // the container's state as JSON, but for status and pid between them
    plan_str folder;                    // an OCI container's own directory, removed at its end
    plan_str pid_file;                  // where its pid is written, or ""
    plan_str bundle;
    struct plan_blob config; // the config.json that it was made from, for later processes (exec)
    struct plan_log log;
    plan_str event;    // the beginning of a line for base/event_log.h, up to the attributes; or ""
    plan_str name;     // the container's, PLAN_NAME_SIZE bytes: it may be renamed while it runs
    plan_str exit_too; // where the record of its end goes when its directory has no room for it, or ""
    plan_str oom_file; // where the kernel counts OOM kills, read when the container has ended
    char boot_id[40];  // the record is void after a reboot
    // Written by the executor:
    int32_t pid;         // the child, in the host's numbers; 0 before the clone
    uint8_t started;     // it executes the command: all that was to be made for it is there
    uint64_t start_time; // its, in clock ticks since the boot
    int32_t listener;    // the number that the seccomp filter's listener has in the child
    int32_t failed;      // index of the operation that failed, or -1
    struct err error;    // its sentence
};

// Building

struct plan {
    struct plan_block head;
    struct plan_op *ops;
    size_t count, size;
    char *strings;
    size_t strings_len, strings_size;
};

void plan_init(struct plan *plan);
void plan_finish(struct plan *plan);

// Adds an operation at the end; the pointer is good until the next plan_add. why is copied.
struct plan_op *plan_add(struct plan *plan, enum plan_op_type type, const char *why);
// Copies into the plan's strings. NULL gives 0. Callers may hold the result while they add more.
plan_str plan_string(struct plan *plan, const char *s);
plan_str plan_printf(struct plan *plan, const char *format, ...) _printf_(2, 3);
struct plan_list plan_strings(struct plan *plan, const char *const *items, size_t count);
struct plan_blob plan_bytes(struct plan *plan, const void *bytes, size_t size);

// A string of a plan that is being built; good until the next one is added.
static inline const char *plan_string_at(const struct plan *plan, plan_str s) {
    return plan->strings + s;
}

// Writes the plan to a new file, and maps it, shared, unless ret_block is NULL. The caller unmaps with
// plan_unmap and closes the descriptor. Returns 0 or -errno.
int plan_save(const struct plan *plan, int dir, const char *name, int *ret_fd, struct plan_block **ret_block);

// The same in memory, for one that needs no record. A descriptor, or -1 with *err filled in.
int plan_memfd(const struct plan *plan, struct err *err);

// Maps a plan that is there, checking that it is whole: offsets in operations are trusted. -ENODATA, or what
// the kernel says.
int plan_map(int fd, struct plan_block **ret_block);
// The same for "plan" of a run directory that is there, below dir. -ENOENT.
int plan_map_at(int dir, const char *path, struct plan_block **ret_block);
void plan_unmap(struct plan_block *block);
static inline void plan_unmapp(struct plan_block **block) {
    plan_unmap(*block);
}

// Reading

static inline struct plan_op *plan_ops(struct plan_block *block) {
    return (struct plan_op *)(block + 1);
}
// The first operation of a type, or NULL.
static inline struct plan_op *plan_find(const struct plan_block *block, enum plan_op_type type) {
    struct plan_op *ops = plan_ops((struct plan_block *)block);
    for (uint32_t i = 0; i < block->count; i++)
        if (ops[i].type == type) return &ops[i];
    return NULL;
}
static inline const char *plan_text(const struct plan_block *block, plan_str s) {
    return (const char *)block + block->strings + s;
}
static inline const void *plan_data(const struct plan_block *block, struct plan_blob blob) {
    return (const char *)block + block->strings + blob.at;
}
// The strings of a list into an array of count + 1 (the last is NULL); or into a new one that the caller
// frees.
void plan_list_get(const struct plan_block *block, struct plan_list list, const char **ret_items);
const char **plan_list_items(const struct plan_block *block, struct plan_list list);
