// SPDX-License-Identifier: Apache-2.0
// version and info: what this program is, what the kernel has for containers, and what it misses.
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "engine/log.h"
#include "kernel/cgroup.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "network/network.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *architecture(void) {
    struct platform platform = {0};
    platform_host(&platform);
    return platform.architecture;
}

// version

#define API_VERSION "1.48" // of the Docker whose command line and documents hoy's are

#define VERSION_FIELDS(parent)                                                                         \
    {parent, "APIVersion", "ApiVersion", "string", true}, {parent, NULL, "GitCommit", "string", true}, \
        {parent, NULL, "GoVersion", "string", true}, {parent, NULL, "BuildTime", "string", true}, {    \
        parent, NULL, "Experimental", "bool", true                                                     \
    }

static const struct document_field version_fields[] = {
    {"", NULL, "Client", "system.clientVersion", false},
    {"", NULL, "Server", "*types.Version", false},
    VERSION_FIELDS("Client"),
    {"Client", NULL, "Context", "string", true},
    VERSION_FIELDS("Server"),
    {"Server", "MinAPIVersion", "MinAPIVersion", "string", true},
};
static const struct document_type version_type = {"system.versionInfo", version_fields,
                                                  ARRAY_SIZE(version_fields)};

static void write_version(struct json_writer *w, const char *key, const char *kernel) {
    json_begin_object(w, key);
    json_put_string(w, "Version", HOY_VERSION);
    json_put_string(w, "ApiVersion", API_VERSION);
    json_put_string(w, "Os", "linux");
    json_put_string(w, "Arch", architecture());
    json_put_string(w, "KernelVersion", kernel);
    json_end_object(w);
}

int run_version(struct invocation *invocation, struct err *err) {
    const struct format_flags *flags = invocation->options;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct utsname kernel;
    uname(&kernel);
    json_begin_object(&w, NULL);
    write_version(&w, "Client", kernel.release);
    write_version(&w, "Server", kernel.release); // the engine is in this program
    json_end_object(&w);
    if (!str_empty(flags->format))
        return format_object(invocation, "version", flags->format, &version_type, str_get(&w.text), stdout,
                             err);
    printf("hoy:\n Version:   %s\n OS/Arch:   linux/%s\n Kernel:    %s\n", HOY_VERSION, architecture(),
           kernel.release);
    return 0;
}

// info

// Something that the kernel has or has not.
struct feature {
    const char *name;
    bool there;
    const char *without; // what goes without it
};

// What is a module shows up once somebody wants it: asking for a context loads it, where we may ask.
static bool filesystem_known(const char *name) {
    _cleanup_(fd_closep) int context = mount_context(name);
    if (context >= 0) return true;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\t%s\n", name);
    // A file of /proc has no size: read what there is.
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/proc/filesystems", O_RDONLY, 0);
    char buffer[8192];
    ssize_t n = fd < 0 ? -1 : fd_read_full(fd, buffer, sizeof buffer - 1);
    if (n < 0) return false;
    buffer[n] = 0;
    return strstr(buffer, wanted);
}

static bool kernel_at_least(int major, int minor) {
    struct utsname kernel;
    int a = 0, b = 0;
    uname(&kernel);
    if (sscanf(kernel.release, "%d.%d", &a, &b) != 2) return false;
    return a > major || (a == major && b >= minor);
}

static bool there(const char *path) {
    return access(path, F_OK) == 0;
}

static const struct cgroup_layout *cgroups(void) {
    static struct cgroup_layout layout;
    if (!layout.count) (void)cgroup_layout_read(&layout);
    return &layout;
}

static const char *cgroup_layout(void) {
    const struct cgroup_layout *layout = cgroups();
    if (!layout->count) return "none";
    if (!layout->items[layout->count - 1].v2) return "v1";
    return layout->count == 1 ? "v2" : "hybrid";
}

static bool controller_there(uint32_t controller) {
    for (size_t i = 0; i < cgroups()->count; i++)
        if (cgroups()->items[i].controllers & controller) return true;
    return false;
}

static const struct feature *features(size_t *ret_count) {
    static struct feature list[16];
    size_t n = 0;
    list[n++] = (struct feature){"overlay", filesystem_known("overlay"), "no container can be made"};
    list[n++] = (struct feature){"erofs", filesystem_known("erofs"), "layers are kept as directories"};
    list[n++] =
        (struct feature){"erofs from files (6.12)", filesystem_known("erofs") && kernel_at_least(6, 12),
                         "layers are kept as directories"};
    list[n++] = (struct feature){"seccomp", there("/proc/sys/kernel/seccomp/actions_avail"),
                                 "containers may call everything"};
    list[n++] = (struct feature){"user namespaces", there("/proc/self/ns/user"), "no rootless containers"};
    list[n++] = (struct feature){"time namespaces", there("/proc/self/ns/time"),
                                 "containers share the host's clocks"};
    list[n++] = (struct feature){"cgroup namespaces", there("/proc/self/ns/cgroup"),
                                 "containers see the host's cgroups"};
    list[n++] =
        (struct feature){"mount_setattr (5.12)", kernel_at_least(5, 12), "read-only binds are not recursive"};
    list[n++] = (struct feature){"cpu limits", controller_there(CGROUP_CPU), "no --cpus, --cpu-shares"};
    list[n++] = (struct feature){"cpuset limits", controller_there(CGROUP_CPUSET), "no --cpuset-cpus"};
    list[n++] = (struct feature){"memory limits", controller_there(CGROUP_MEMORY), "no --memory"};
    list[n++] = (struct feature){"pids limits", controller_there(CGROUP_PIDS), "no --pids-limit"};
    list[n++] = (struct feature){"block device limits", controller_there(CGROUP_IO), "no --device-read-bps"};
    list[n++] = (struct feature){"swap limits",
                                 there("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes") ||
                                     (str_eq(cgroup_layout(), "v2") && there("/proc/swaps")),
                                 "no --memory-swap"};
    *ret_count = n;
    return list;
}

// Why layers are kept as they are.
static const char *driver_reason(const struct invocation *invocation, const char *driver) {
    if (invocation->globals->storage_driver) return "asked for by --storage-driver";
    if (str_eq(driver, "erofs")) return "the kernel mounts EROFS images from files";
    if (!filesystem_known("erofs")) return "the kernel has no EROFS";
    if (!kernel_at_least(6, 12)) return "the kernel mounts EROFS from block devices only, before 6.12";
    return "mounting an EROFS image from a file was tried, and the kernel refused, or this root was made so";
}

struct counts {
    size_t containers, running, paused, stopped, images;
};

static int count(struct invocation *invocation, struct engine *engine, struct counts *ret, struct err *err) {
    struct containers containers;
    struct images images;
    if (container_list(engine, &invocation->arena, true, &containers, err) < 0 ||
        image_list(&engine->store, &invocation->arena, &images, err) < 0)
        return -1;
    *ret = (struct counts){.containers = containers.count, .images = images.count};
    for (size_t i = 0; i < containers.count; i++) {
        const char *state = container_state(&containers.items[i]);
        ret->running += str_eq(state, "running");
        ret->paused += str_eq(state, "paused");
    }
    ret->stopped = ret->containers - ret->running - ret->paused;
    return 0;
}

static const char *cgroup_version(void) {
    return str_eq(cgroup_layout(), "v2") ? "2" : "1";
}

static const struct document_field info_fields[] = {
    {"", NULL, "Containers", "int", false},
    {"", NULL, "ContainersRunning", "int", false},
    {"", NULL, "ContainersPaused", "int", false},
    {"", NULL, "ContainersStopped", "int", false},
    {"", NULL, "Images", "int", false},
    {"", NULL, "NCPU", "int", false},
    {"", NULL, "Missing", "[]string", false},
    {"", "CPUCfsPeriod", "CpuCfsPeriod", "bool", false},
    {"", "CPUCfsQuota", "CpuCfsQuota", "bool", false},
    {"", NULL, "Runtimes", "map[string]system.RuntimeWithStatus", false},
    {"Runtimes", NULL, "Path", "string", true},
    {"Runtimes", NULL, "Args", "[]string", true},
    {"", NULL, "SecurityOptions", "[]string", false},
    // What there is none of here.
    {"", NULL, "ID", "string", true},
    {"", NULL, "DriverStatus", "[][2]string", true},
    {"", NULL, "Debug", "bool", true},
    {"", NULL, "NFd", "int", true},
    {"", NULL, "NGoroutines", "int", true},
    {"", NULL, "NEventsListener", "int", true},
    {"", NULL, "BridgeNfIptables", "bool", true},
    {"", NULL, "BridgeNfIp6tables", "bool", true},
    {"", NULL, "IndexServerAddress", "string", true},
    {"", NULL, "GenericResources", "[]swarm.GenericResource", true},
    {"", "HTTPProxy", "HttpProxy", "string", true},
    {"", "HTTPSProxy", "HttpsProxy", "string", true},
    {"", NULL, "NoProxy", "string", true},
    {"", NULL, "Labels", "[]string", true},
    {"", NULL, "ExperimentalBuild", "bool", true},
    {"", NULL, "Isolation", "string", true},
    {"", NULL, "InitBinary", "string", true},
    {"", NULL, "ProductLicense", "string", true},
    {"", NULL, "Warnings", "[]string", true},
    {"Swarm", NULL, "NodeID", "string", true},
    {"Swarm", NULL, "NodeAddr", "string", true},
    {"Swarm", NULL, "ControlAvailable", "bool", true},
    {"Swarm", NULL, "Error", "string", true},
    {"Swarm", NULL, "Nodes", "int", true},
    {"Swarm", NULL, "Managers", "int", true},
};
static const struct document_type info_type = {"system.dockerInfo", info_fields, ARRAY_SIZE(info_fields)};

static bool has(const struct feature *list, const char *name) {
    while (!str_eq(list->name, name)) list++;
    return list->there;
}

// A value of /etc/os-release, without its quotes.
static const char *os_release(struct arena *arena, const char *key) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, "/etc/os-release", 1 << 16, &text)) return "";
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *value = str_after(line, key);
        if (!value || *value != '=') continue;
        value += 1 + strspn(value + 1, "\"'");
        return arena_strndup(arena, value, strcspn(value, "\"'"));
    }
    return "";
}

static void write_docker(struct invocation *invocation, struct engine *engine, const struct feature *list,
                         struct json_writer *w) {
    struct container_config config = {0};
    struct err ignored; // the next container will say it
    (void)log_settle(&invocation->arena, &config, &ignored);
    json_put_bool(w, "MemoryLimit", has(list, "memory limits"));
    json_put_bool(w, "SwapLimit", has(list, "swap limits"));
    json_put_bool(w, "CpuCfsPeriod", has(list, "cpu limits"));
    json_put_bool(w, "CpuCfsQuota", has(list, "cpu limits"));
    json_put_bool(w, "CPUShares", has(list, "cpu limits"));
    json_put_bool(w, "CPUSet", has(list, "cpuset limits"));
    json_put_bool(w, "PidsLimit", has(list, "pids limits"));
    json_put_bool(w, "OomKillDisable", !str_eq(cgroup_layout(), "v2") && has(list, "memory limits"));
    json_put_bool(w, "IPv4Forwarding", network_forwards(0));
    json_put_bool(w, "LiveRestoreEnabled", true); // nothing is restarted
    json_put_string(w, "LoggingDriver", config.log.driver ? config.log.driver : "json-file");
    json_put_string(w, "OperatingSystem", os_release(&invocation->arena, "PRETTY_NAME"));
    json_put_string(w, "OSVersion", os_release(&invocation->arena, "VERSION_ID"));
    json_put_string(w, "DefaultRuntime", "hoy");
    json_put_raw(w, "Runtimes", "{\"hoy\":{}}");
    json_put_raw(w, "Swarm", "{\"LocalNodeState\":\"inactive\"}");
    json_begin_array(w, "SecurityOptions");
    if (has(list, "seccomp")) json_put_string(w, NULL, "name=seccomp,profile=builtin");
    if (engine->rootless) json_put_string(w, NULL, "name=rootless");
    if (has(list, "cgroup namespaces")) json_put_string(w, NULL, "name=cgroupns");
    json_end_array(w);
}

static int print_json(struct invocation *invocation, struct engine *engine, const struct counts *counts,
                      const char *format, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct utsname kernel;
    size_t n;
    const struct feature *list = features(&n);
    uname(&kernel);
    json_begin_object(&w, NULL);
    json_put_u64(&w, "Containers", counts->containers);
    json_put_u64(&w, "ContainersRunning", counts->running);
    json_put_u64(&w, "ContainersPaused", counts->paused);
    json_put_u64(&w, "ContainersStopped", counts->stopped);
    json_put_u64(&w, "Images", counts->images);
    json_put_string(&w, "Driver", engine->store.driver);
    json_put_bool(&w, "Rootless", engine->rootless);
    json_put_string(&w, "CgroupDriver", "cgroupfs");
    json_put_string(&w, "CgroupVersion", cgroup_version());
    json_put_string(&w, "CgroupLayout", cgroup_layout());
    json_put_string(&w, "KernelVersion", kernel.release);
    json_put_string(&w, "OSType", "linux");
    json_put_string(&w, "Architecture", kernel.machine);
    json_put_i64(&w, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
    json_put_i64(&w, "MemTotal", sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    json_put_string(&w, "Name", kernel.nodename);
    json_put_string(&w, "DockerRootDir", engine->store.root);
    json_put_string(&w, "RunRoot", engine->store.runroot);
    json_put_string(&w, "ServerVersion", HOY_VERSION);
    write_docker(invocation, engine, list, &w);
    json_begin_array(&w, "Missing");
    for (size_t i = 0; i < n; i++)
        if (!list[i].there) json_put_string(&w, NULL, list[i].name);
    json_end_array(&w);
    json_end_object(&w);
    return format_object(invocation, "", format, &info_type, str_get(&w.text), stdout, err);
}

static const char *rootless(const struct engine *engine) {
    if (!engine->rootless) return "no";
    return process_group_count() > 1
               ? "yes"
               : "yes, with one id: only root can be in a container (for more: a range in "
                 "/etc/subuid and /etc/subgid, and newuidmap)";
}

static void print_text(struct invocation *invocation, struct engine *engine, const struct counts *counts) {
    struct utsname kernel;
    size_t n;
    const struct feature *list = features(&n);
    uname(&kernel);
    printf("Containers: %zu\n Running: %zu\n Paused: %zu\n Stopped: %zu\nImages: %zu\n", counts->containers,
           counts->running, counts->paused, counts->stopped, counts->images);
    printf("Server Version: %s\n", HOY_VERSION);
    printf("Storage Driver: %s (%s)\n", engine->store.driver,
           driver_reason(invocation, engine->store.driver));
    printf("Rootless: %s\n", rootless(engine));
    printf("Cgroup Driver: cgroupfs\nCgroup Version: %s (%s)\n", cgroup_version(), cgroup_layout());
    printf("Kernel Version: %s\nOSType: linux\nArchitecture: %s\n", kernel.release, kernel.machine);
    printf("CPUs: %ld\nTotal Memory: %.4gGiB\n", sysconf(_SC_NPROCESSORS_ONLN),
           (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30));
    printf("Name: %s\nRoot Dir: %s\nRun Root Dir: %s\n", kernel.nodename, engine->store.root,
           engine->store.runroot);
    printf("The kernel has:\n");
    for (size_t i = 0; i < n; i++)
        if (list[i].there) printf(" %s\n", list[i].name);
    bool all = true;
    for (size_t i = 0; i < n; i++) all &= list[i].there;
    printf("The kernel misses:%s\n", all ? " nothing" : "");
    for (size_t i = 0; i < n; i++)
        if (!list[i].there) printf(" %s: %s\n", list[i].name, list[i].without);
}

int run_info(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct format_flags *flags = invocation->options;
    struct counts counts;
    if (count(invocation, engine, &counts, err) < 0) return -1;
    if (!str_empty(flags->format)) return print_json(invocation, engine, &counts, flags->format, err);
    print_text(invocation, engine, &counts);
    return 0;
}
