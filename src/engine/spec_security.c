// SPDX-License-Identifier: Apache-2.0
// What the container's root may do: capabilities, the system call filter, --security-opt. Image data
// has no say in any of it.
#include "base/fd.h"
#include "engine/spec_parts.h"
#include "runtime/seccomp_profile.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
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
    const char *seccomp, *apparmor; // NULL: the default
};

// Without SELinux a label says nothing, as for Docker.
static int label_read(struct spec_builder *b, const char *value) {
    if (str_eq(value, "disable") || access("/sys/fs/selinux/enforce", F_OK)) return 0;
    return err_set(b->err, ERR_INVALID, 0,
                   "--security-opt label=%s: SELinux is enabled on this host, and hoy gives containers no "
                   "labels yet: say label=disable, or leave it out",
                   value);
}

static int cgroups_read(struct spec_builder *b, const char *value) {
    bool writable;
    if (parse_bool(value, &writable))
        return err_set(b->err, ERR_INVALID, 0,
                       "--security-opt writable-cgroups=%s: it is either true or false", value);
    if (b->config->privileged && !writable)
        return err_set(b->err, ERR_INVALID, 0,
                       "--security-opt writable-cgroups=false conflicts with --privileged");
    if (writable && !b->config->privileged && str_eq(b->config->cgroupns_mode, "host"))
        return err_set(b->err, ERR_INVALID, 0,
                       "--security-opt writable-cgroups=true conflicts with --cgroupns host: the cgroups "
                       "would be all of the host's");
    // In v1 a container could lift its own limits there, and the rules for devices with them.
    if (writable && !b->config->privileged && access("/sys/fs/cgroup/cgroup.controllers", F_OK))
        return err_set(b->err, ERR_INVALID, 0,
                       "--security-opt writable-cgroups=true needs a host with cgroup v2 alone: with v1 the "
                       "container could lift its own limits");
    return 0;
}

static int option_read(struct spec_builder *b, const char *option, struct security *security) {
    const char *value = str_after(option, "seccomp=");
    if (value) return security->seccomp = value, 0;
    if (str_eq(option, "no-new-privileges")) return security->no_new_privileges = true, 0;
    value = str_after(option, "no-new-privileges=");
    if (value && !parse_bool(value, &security->no_new_privileges)) return 0;
    if ((value = str_after(option, "label="))) return label_read(b, value);
    if ((value = str_after(option, "writable-cgroups="))) return cgroups_read(b, value);
    if ((value = str_after(option, "apparmor=")) && *value) return security->apparmor = value, 0;
    if (str_eq(option, "systempaths=unconfined")) return 0; // read where the paths are made
    return err_set(b->err, ERR_INVALID, 0, "invalid --security-opt: \"%s\"", option);
}

// hoy applies no profile of its own, so "unconfined" is what everybody is.
static int build_apparmor(struct spec_builder *b, const char *profile) {
    _cleanup_(str_finish) struct str text = {0};
    if (!profile || str_eq(profile, "unconfined")) return 0;
    if (file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text) ||
        *str_get(&text) != 'Y')
        return err_set(b->err, ERR_INVALID, 0,
                       "--security-opt apparmor=%s: AppArmor is not enabled on this host", profile);
    b->spec->process.apparmor_profile = profile;
    spec_because(b, "process.apparmorProfile", arena_printf(b->arena, "--security-opt apparmor=%s", profile));
    return 0;
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
    return build_apparmor(b, security.apparmor) || build_seccomp(b, security.seccomp) ? -1 : 0;
}

int spec_build_security(struct spec_builder *b) {
    return build_caps(b) || build_options(b) ? -1 : 0;
}
