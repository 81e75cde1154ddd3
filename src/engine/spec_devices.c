// SPDX-License-Identifier: Apache-2.0
// Devices: which nodes a container has, and which it may open. Nodes are looked up when a container starts:
// a device may have got other numbers since.
#include "base/fd.h"
#include "engine/cdi.h"
#include "engine/spec_parts.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEPTH_MAX 8

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

// A node of the host's, as it is.
static void add_node(struct spec_builder *b, const struct stat *st, const char *target, const char *why) {
    *arena_push(b->arena, &b->spec->devices) = (struct spec_device){
        .path = target,
        .type = S_ISCHR(st->st_mode) ? 'c' : 'b',
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .file_mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .why = why,
    };
}

static void add_rule(struct spec_builder *b, char type, int64_t major, int64_t minor, const char *access) {
    *arena_push(b->arena, &b->spec->resources.devices) =
        (struct spec_device_rule){true, type, major, minor, access};
}

// The nodes of a directory and of those in it. permissions NULL: of the host's whole /dev, for which there is
// a rule already.
struct device_walk {
    const char *why, *permissions;
};

static int add_folder(struct spec_builder *b, const struct device_walk *walk, int dir, const char *target,
                      int depth);

static int add_entry(struct spec_builder *b, const struct device_walk *walk, int dir, const char *entry,
                     const char *target, int depth) {
    struct stat st;
    if (str_eq(entry, ".") || str_eq(entry, "..") || fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW)) return 0;
    if (!walk->permissions && device_own(entry)) return 0;
    const char *name = arena_printf(b->arena, "%s/%s", target, entry);
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
        int below = fd_open_at(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        return below < 0 ? 0 : add_folder(b, walk, below, name, depth + 1);
    }
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) return 0;
    add_node(b, &st, name, walk->why);
    if (walk->permissions)
        add_rule(b, S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev), walk->permissions);
    return 0;
}

// Takes dir.
static int add_folder(struct spec_builder *b, const struct device_walk *walk, int dir, const char *target,
                      int depth) {
    DIR *stream = fdopendir(dir);
    if (!stream) return close(dir), err_set(b->err, ERR_SYSTEM, errno, "read the devices for %s", target);
    int r = 0;
    for (struct dirent *entry; !r && (entry = readdir(stream));)
        r = add_entry(b, walk, dir, entry->d_name, target, depth);
    closedir(stream);
    return r;
}

// --device

static bool permissions_valid(const char *text) {
    return *text && strlen(text) <= 3 && !text[strspn(text, "rwm")];
}

static int check_device(struct spec_builder *b, const struct container_device *device) {
    if (!permissions_valid(device->permissions))
        return err_set(b->err, ERR_INVALID, 0, "--device %s: bad mode specified: %s", device->source,
                       device->permissions);
    if (*device->source != '/' || *device->target != '/' || str_eq(device->target, "/"))
        return err_set(b->err, ERR_INVALID, 0, "--device %s: %s is not an absolute path of a device",
                       device->source, *device->source == '/' ? device->target : device->source);
    for (const char *at = device->target; (at = strstr(at, "/..")); at += 3)
        if (!at[3] || at[3] == '/')
            return err_set(b->err, ERR_INVALID, 0, "--device %s: %s leads out of its directory",
                           device->source, device->target);
    return 0;
}

static int no_device(struct spec_builder *b, const struct container_device *device, const char *why) {
    return err_set(b->err, ERR_INVALID, 0,
                   "error gathering device information while adding custom device \"%s\": %s", device->source,
                   why);
}

static int add_given_folder(struct spec_builder *b, const struct container_device *device, int fd,
                            const char *why) {
    size_t before = b->spec->devices.count;
    struct device_walk walk = {.why = why, .permissions = device->permissions};
    int dir = fd_open_at(fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return no_device(b, device, strerror(-dir));
    if (add_folder(b, &walk, dir, device->target, 0)) return -1;
    return b->spec->devices.count == before ? no_device(b, device, "there is none in this directory") : 0;
}

static int add_device(struct spec_builder *b, const struct container_device *device) {
    struct stat st;
    const char *why = arena_printf(b->arena, "--device %s", device->source);
    if (check_device(b, device)) return -1;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, device->source, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st)) return no_device(b, device, strerror(fd < 0 ? -fd : errno));
    if (S_ISDIR(st.st_mode)) return add_given_folder(b, device, fd, why);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) return no_device(b, device, "not a device node");
    add_node(b, &st, device->target, why);
    add_rule(b, S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev), device->permissions);
    return 0;
}

// --device-cgroup-rule

// "*", or a number that ends at one of these.
static int read_number(const char **at, const char *ends, int64_t *ret_number) {
    char digits[16];
    uint32_t number;
    size_t n = strcspn(*at, ends);
    if (!(*at)[n] || n >= sizeof digits) return -1;
    memcpy(digits, *at, n);
    digits[n] = 0;
    if (str_eq(digits, "*"))
        *ret_number = -1;
    else if (parse_u32(digits, &number))
        return -1;
    else
        *ret_number = number;
    *at += n + 1;
    return 0;
}

static int add_given_rule(struct spec_builder *b, const char *rule) {
    int64_t major, minor;
    const char *at = rule + 2;
    bool typed = *rule && strchr("acb", *rule) && rule[1] == ' ';
    if (!typed || read_number(&at, ":", &major) || read_number(&at, " ", &minor) || !permissions_valid(at))
        return err_set(b->err, ERR_INVALID, 0, "invalid device cgroup format '%s'", rule);
    add_rule(b, *rule, major, minor, at);
    return 0;
}

// All of it

static int add_privileged(struct spec_builder *b) {
    static const struct device_walk walk = {.why = "--privileged"};
    if (!b->config->privileged) return 0;
    int dev = fd_open_at(AT_FDCWD, "/dev", O_RDONLY | O_DIRECTORY, 0);
    return dev < 0 ? err_set(b->err, ERR_SYSTEM, -dev, "open /dev") : add_folder(b, &walk, dev, "/dev", 0);
}

// Who has all of the host's devices may have one of them under another name too, but not twice.
static void drop_doubles(struct spec_builder *b) {
    size_t kept = 0;
    for (size_t i = 0; i < b->spec->devices.count; i++) {
        size_t later = i + 1;
        while (later < b->spec->devices.count &&
               !str_eq(b->spec->devices.items[i].path, b->spec->devices.items[later].path))
            later++;
        if (later == b->spec->devices.count) b->spec->devices.items[kept++] = b->spec->devices.items[i];
    }
    b->spec->devices.count = kept;
}

int spec_build_devices(struct spec_builder *b) {
    const struct container_config *config = b->config;
    const struct spec_device_rule *rules = config->privileged ? &all_devices : default_rules;
    size_t count = config->privileged ? 1 : ARRAY_SIZE(default_rules);
    bool asked = config->devices.count || config->device_rules.count || config->device_requests.count;
    for (size_t i = 0; i < count; i++) *arena_push(b->arena, &b->spec->resources.devices) = rules[i];
    if (add_privileged(b)) return -1;
    for (size_t i = 0; i < config->devices.count; i++)
        if (add_device(b, &config->devices.items[i])) return -1;
    for (size_t i = 0; i < config->device_requests.count; i++)
        if (cdi_add(b, &config->device_requests.items[i])) return -1;
    for (size_t i = 0; i < config->device_rules.count; i++)
        if (add_given_rule(b, config->device_rules.items[i])) return -1;
    if (asked) drop_doubles(b);
    spec_because(b, "linux.resources.devices",
                 config->privileged           ? "--privileged"
                 : config->device_rules.count ? "default, --device-cgroup-rule"
                 : asked                      ? "default, --device"
                                              : "default");
    return 0;
}
