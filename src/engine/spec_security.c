// SPDX-License-Identifier: Apache-2.0
// What the container's root may do: capabilities, the system call filter, --security-opt, devices. Image data
// has no say in any of it.
#include "base/fd.h"
#include "engine/spec_parts.h"
#include "runtime/seccomp_profile.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CAP(name) ((cap_mask)1 << CAP_##name)

static const cap_mask default_caps = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FSETID) | CAP(FOWNER) | CAP(MKNOD) |
                                     CAP(NET_RAW) | CAP(SETGID) | CAP(SETUID) | CAP(SETFCAP) | CAP(SETPCAP) |
                                     CAP(NET_BIND_SERVICE) | CAP(SYS_CHROOT) | CAP(KILL) | CAP(AUDIT_WRITE);

cap_mask spec_own_caps(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &head, data)) return default_caps;
    return (cap_mask)data[1].permitted << 32 | data[0].permitted;
}

// The capabilities of a list, and whether it says ALL.
static int caps_read(struct spec_builder *b, const struct strings *names, const char *flag,
                     cap_mask *ret_caps, bool *ret_all) {
    for (size_t i = 0; i < names->count; i++) {
        if (!strcasecmp(names->items[i], "ALL")) {
            *ret_all = true;
            continue;
        }
        int number = cap_number(names->items[i]);
        if (number < 0)
            return err_set(b->err, ERR_INVALID, 0, "%s: unknown capability: \"%s\"", flag, names->items[i]);
        *ret_caps |= (cap_mask)1 << number;
    }
    return 0;
}

static int build_caps(struct spec_builder *b) {
    const struct container_config *config = b->config;
    cap_mask add = 0, drop = 0, caps = default_caps;
    bool add_all = false, drop_all = false;
    if (caps_read(b, &config->cap_add, "--cap-add", &add, &add_all) ||
        caps_read(b, &config->cap_drop, "--cap-drop", &drop, &drop_all))
        return -1;
    cap_mask own = config->privileged || config->cap_add.count ? spec_own_caps() : default_caps;
    if (add & ~own)
        return err_set(b->err, ERR_INVALID, 0,
                       "--cap-add: capability not supported by your kernel or not available in the current "
                       "environment: \"%s\"",
                       cap_name((unsigned)__builtin_ctzll(add & ~own)));
    if (config->privileged)
        caps = own;
    else if (add_all)
        caps = own & ~drop;
    else if (drop_all)
        caps = add;
    else
        caps = (caps & ~drop) | add;

    struct spec_process *process = &b->spec->process;
    process->caps.bounding = process->caps.effective = process->caps.permitted = caps;
    spec_because(b, "process.capabilities",
                 config->privileged                                ? "--privileged"
                 : config->cap_add.count && config->cap_drop.count ? "--cap-add, --cap-drop"
                 : config->cap_add.count                           ? "--cap-add"
                 : config->cap_drop.count                          ? "--cap-drop"
                                                                   : "default");
    return 0;
}

// --security-opt

struct security {
    bool no_new_privileges;
    const char *seccomp; // NULL: the default
};

static int option_read(struct spec_builder *b, const char *option, struct security *security) {
    static const char *const accepted[] = {
        "systempaths=unconfined", // read where the paths are made
        "apparmor=unconfined",    // it is: hoy applies no AppArmor profile
        "label=disable",          // so it is, too: hoy applies no SELinux label
    };
    const char *value = str_after(option, "seccomp=");
    if (value) return security->seccomp = value, 0;
    if (str_eq(option, "no-new-privileges")) return security->no_new_privileges = true, 0;
    value = str_after(option, "no-new-privileges=");
    if (value && !parse_bool(value, &security->no_new_privileges)) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
        if (str_eq(option, accepted[i])) return 0;
    return err_set(b->err, ERR_INVALID, 0, "--security-opt %s: there is no such option, or not yet", option);
}

// A profile is kept whole: what stood in the file when the container was made.
static int profile_parse(struct spec_builder *b, const char *text) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (*text != '{' || json_parse(text, strlen(text), &json))
        return err_set(b->err, ERR_INVALID, 0, "--security-opt seccomp: the profile is not JSON");
    return seccomp_profile_parse(b->arena, json, b->spec->process.caps.bounding, &b->spec->seccomp, b->err);
}

static int build_seccomp(struct spec_builder *b, const char *profile) {
    if (str_eq(profile, "unconfined") || (b->config->privileged && !profile)) return 0;
    spec_because(b, "linux.seccomp", profile ? "--security-opt seccomp" : "default");
    if (profile && !str_eq(profile, "builtin")) return profile_parse(b, profile);
    b->spec->seccomp = seccomp_default(b->arena, b->spec->process.caps.bounding);
    return 0;
}

static int build_options(struct spec_builder *b) {
    struct security security = {0};
    for (size_t i = 0; i < b->config->security_opt.count; i++)
        if (option_read(b, b->config->security_opt.items[i], &security)) return -1;
    b->spec->process.no_new_privileges = security.no_new_privileges;
    if (security.no_new_privileges)
        spec_because(b, "process.noNewPrivileges", "--security-opt no-new-privileges");
    return build_seccomp(b, security.seccomp);
}

// Devices

static const struct spec_device_rule default_rules[] = {
    {false, 'a', -1, -1, "rwm"}, {true, 'c', -1, -1, "m"}, // making a node is not opening it
    {true, 'b', -1, -1, "m"},    {true, 'c', 1, 3, "rwm"}, // null
    {true, 'c', 1, 5, "rwm"},                              // zero
    {true, 'c', 1, 7, "rwm"},                              // full
    {true, 'c', 1, 8, "rwm"},                              // random
    {true, 'c', 1, 9, "rwm"},                              // urandom
    {true, 'c', 5, 0, "rwm"},                              // tty
    {true, 'c', 5, 1, "rwm"},                              // console
    {true, 'c', 5, 2, "rwm"},                              // ptmx
    {true, 'c', 136, -1, "rwm"},                           // pts/*
};
static const struct spec_device_rule all_devices = {true, 'a', -1, -1, "rwm"};

// Of the host's /dev, what every container has of its own.
static bool device_own(const char *name) {
    static const char *const names[] = {
        ".",   "..", "null",   "zero", "full",  "random", "urandom", "tty",       "console", "ptmx", "pts",
        "shm", "fd", "mqueue", "core", "stdin", "stdout", "stderr",  "hugepages", ".udev",   ".lxc"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(name, names[i])) return true;
    return false;
}

static int add_host_devices(struct spec_builder *b, int dir, const char *path, int depth) {
    DIR *stream = fdopendir(dir);
    if (!stream) return close(dir), err_set(b->err, ERR_SYSTEM, errno, "read %s", path);
    int r = 0;
    for (struct dirent *entry; !r && (entry = readdir(stream));) {
        struct stat st;
        if (device_own(entry->d_name) || fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) continue;
        const char *name = arena_printf(b->arena, "%s/%s", path, entry->d_name);
        if (S_ISDIR(st.st_mode) && depth < 8) {
            int below = fd_open_at(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
            if (below >= 0) r = add_host_devices(b, below, name, depth + 1);
        } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
            *arena_push(b->arena, &b->spec->devices) = (struct spec_device){
                .path = name,
                .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
                .major = major(st.st_rdev),
                .minor = minor(st.st_rdev),
                .file_mode = st.st_mode & 07777,
                .uid = st.st_uid,
                .gid = st.st_gid,
                .why = "--privileged",
            };
        }
    }
    closedir(stream);
    return r;
}

static int build_devices(struct spec_builder *b) {
    const struct spec_device_rule *rules = b->config->privileged ? &all_devices : default_rules;
    size_t count = b->config->privileged ? 1 : ARRAY_SIZE(default_rules);
    for (size_t i = 0; i < count; i++) *arena_push(b->arena, &b->spec->resources.devices) = rules[i];
    spec_because(b, "linux.resources.devices", b->config->privileged ? "--privileged" : "default");
    if (!b->config->privileged) return 0;
    int dev = fd_open_at(AT_FDCWD, "/dev", O_RDONLY | O_DIRECTORY, 0);
    return dev < 0 ? err_set(b->err, ERR_SYSTEM, -dev, "open /dev") : add_host_devices(b, dev, "/dev", 0);
}

int spec_build_security(struct spec_builder *b) {
    return build_caps(b) || build_options(b) || build_devices(b) ? -1 : 0;
}
