// SPDX-License-Identifier: Apache-2.0
// spec: a config.json to begin with, like runc's.
#include "oci/spec.h"
#include "base/fd.h"
#include "hoy-runtime/commands.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

struct spec_options {
    const char *bundle, *file;
    bool rootless;
};

static const struct option spec_rows[] = {
    {"bundle", 'b', "dir", "Where to write it (default: the current directory)", store_string,
     offsetof(struct spec_options, bundle)},
    {"file", 'f', "file", "Write this file, from there (default: config.json)", store_string,
     offsetof(struct spec_options, file)},
    {"rootless", 0, NULL, "For whoever is not root", store_flag, offsetof(struct spec_options, rootless)},
};
const struct option_table spec_options_table = OPTIONS(spec_rows, struct spec_options);

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void set_list(struct arena *arena, struct strings *list, const char *const *words) {
    for (; words && *words; words++) strings_add(arena, list, *words);
}

static void add_mounts(struct arena *arena, struct spec *spec, bool rootless) {
    const struct {
        const char *destination, *type, *source;
        const char *const *options;
    } rows[] = {
        {"/proc", "proc", "proc", NULL},
        {"/dev", "tmpfs", "tmpfs", LIST("nosuid", "strictatime", "mode=755", "size=65536k")},
        {"/dev/pts", "devpts", "devpts",
         rootless ? LIST("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
                  : LIST("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")},
        {"/dev/shm", "tmpfs", "shm", LIST("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")},
        {"/dev/mqueue", "mqueue", "mqueue", LIST("nosuid", "noexec", "nodev")},
        {"/sys", rootless ? "none" : "sysfs", rootless ? "/sys" : "sysfs",
         rootless ? LIST("rbind", "nosuid", "noexec", "nodev", "ro")
                  : LIST("nosuid", "noexec", "nodev", "ro")},
        {"/sys/fs/cgroup", "cgroup", "cgroup", LIST("nosuid", "noexec", "nodev", "relatime", "ro")},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows) - rootless; i++) {
        struct spec_mount *mount = arena_push(arena, &spec->mounts);
        *mount = (struct spec_mount){
            .destination = rows[i].destination, .type = rows[i].type, .source = rows[i].source};
        set_list(arena, &mount->options, rows[i].options);
    }
}

static void add_namespaces(struct arena *arena, struct spec *spec, bool rootless) {
    const uint64_t flags[] = {CLONE_NEWPID, CLONE_NEWIPC,    CLONE_NEWUTS,
                              CLONE_NEWNS,  CLONE_NEWCGROUP, rootless ? CLONE_NEWUSER : CLONE_NEWNET};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        *arena_push(arena, &spec->namespaces) = (struct spec_namespace){.flag = flags[i]};
    if (!rootless) return;
    *arena_push(arena, &spec->uid_maps) = (struct spec_id_map){.host_id = geteuid(), .size = 1};
    *arena_push(arena, &spec->gid_maps) = (struct spec_id_map){.host_id = getegid(), .size = 1};
}

static void add_process(struct arena *arena, struct spec_process *process) {
    static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
    process->terminal = true;
    process->cwd = "/";
    process->no_new_privileges = true;
    set_list(arena, &process->args, LIST("sh"));
    set_list(arena, &process->env,
             LIST("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"));
    for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
        process->caps.bounding |= (cap_mask)1 << cap_number(caps[i]);
    process->caps.effective = process->caps.permitted = process->caps.bounding;
    *arena_push(arena, &process->rlimits) =
        (struct spec_rlimit){.resource = RLIMIT_NOFILE, .hard = 1024, .soft = 1024};
}

static void make_spec(struct arena *arena, bool rootless, struct spec *spec) {
    *spec = (struct spec){
        .oci_version = "1.3.0", .hostname = "hoy", .root_path = "rootfs", .root_readonly = true};
    add_process(arena, &spec->process);
    add_mounts(arena, spec, rootless);
    add_namespaces(arena, spec, rootless);
    if (!rootless)
        *arena_push(arena, &spec->resources.devices) =
            (struct spec_device_rule){.type = 'a', .major = -1, .minor = -1, .access = "rwm"};
    set_list(arena, &spec->masked_paths,
             LIST("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                  "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"));
    set_list(arena, &spec->readonly_paths,
             LIST("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"));
}

int run_spec(struct invocation *invocation, struct err *err) {
    const struct spec_options *options = invocation->options;
    const char *bundle = str_empty(options->bundle) ? "." : options->bundle;
    const char *file = str_empty(options->file) ? "config.json" : options->file;
    _cleanup_(json_writer_finish) struct json_writer writer = {.indent = 4};
    struct spec spec;
    make_spec(&invocation->arena, options->rootless, &spec);
    spec_write(&spec, &writer);
    str_add_char(&writer.text, '\n');
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, bundle, O_PATH | O_DIRECTORY, 0);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "cannot open %s", bundle);
    _cleanup_(fd_closep) int fd = fd_open_at(dir, file, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd == -EEXIST) return err_set(err, ERR_CONFLICT, 0, "file %s exists: remove it first", file);
    int r = fd < 0 ? fd : fd_write_all(fd, str_get(&writer.text), writer.text.len);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write %s", file) : 0;
}
