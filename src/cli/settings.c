// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/health.h"
#include "cli/parse_device.h"
#include "cli/parse_modes.h"
#include "cli/parse_mount.h"
#include "cli/parse_network.h"
#include "cli/parse_value.h"
#include "oci/image_spec.h"

#include <stdlib.h>
#include <string.h>

#define AT(member)     offsetof(struct settings, member)
#define CONFIG(member) offsetof(struct settings, config.member)

// --entrypoint "" empties the image's.
static int store_entrypoint(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    (void)err;
    config->has_entrypoint = true;
    config->entrypoint = (struct strings){0};
    if (*text) strings_add(parse->arena, &config->entrypoint, text);
    return 0;
}

static int store_working_dir(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (*text && *text != '/')
        return err_set(err, ERR_INVALID, 0, "the working directory must be an absolute path");
    *(const char **)field = text;
    return 0;
}

static const struct option rows[] = {
    {"add-host", 0, "list", "Add a custom host-to-IP mapping (host:ip)", store_add_host, CONFIG(add_host)},
    {"attach", 'a', "list", "Attach to STDIN, STDOUT or STDERR", store_attach, AT(attach),
     "stdin|stdout|stderr"},
    {"cap-add", 0, "list", "Add Linux capabilities", store_capability, CONFIG(cap_add)},
    {"cap-drop", 0, "list", "Drop Linux capabilities", store_capability, CONFIG(cap_drop)},
    {"cidfile", 0, "string", "Write the container ID to the file", store_string, AT(cidfile)},
    {"device-read-bps", 0, "list", "Limit read rate (bytes per second) from a device", store_bps,
     CONFIG(read_bps)},
    {"device-write-bps", 0, "list", "Limit write rate (bytes per second) to a device", store_bps,
     CONFIG(write_bps)},
    {"dns", 0, "list", "Set custom DNS servers", store_address, CONFIG(dns)},
    {"dns-option", 0, "list", "Set DNS options", store_dns_option, CONFIG(dns_options)},
    {"dns-opt", 0, "list", NULL, store_dns_option, CONFIG(dns_options)}, // Docker's older name
    {"dns-search", 0, "list", "Set custom DNS search domains", store_dns_search, CONFIG(dns_search)},
    {"domainname", 0, "string", "Container NIS domain name", store_hostname, CONFIG(domainname)},
    {"entrypoint", 0, "string", "Overwrite the default ENTRYPOINT of the image", store_entrypoint,
     AT(config)},
    {"env", 'e', "list", "Set environment variables", store_env, AT(env)},
    {"env-file", 0, "list", "Read in a file of environment variables", store_env_file, AT(file_env)},
    {"firewall", 0, "string",
     "Whether published ports pass the host's own rules for input first (respect) or go past them, as "
     "Docker's do (bypass); the default is \"firewall\" in /etc/hoy/config.json, or bypass",
     store_firewall, CONFIG(firewall), "respect|bypass"},
    {"group-add", 0, "list", "Add additional groups to join", store_list, CONFIG(group_add)},
    {"health-cmd", 0, "string",
     "Command to run to check health; tcp://[HOST]:PORT and http://[HOST]:PORT/PATH are checked without one "
     "(https:// takes one)",
     store_health_cmd, AT(config)},
    {"health-interval", 0, "duration", "Time between running the check (ms|s|m|h) (default 30s)",
     store_health_interval, AT(config)},
    {"health-on-failure", 0, "string", "What an unhealthy container gets (default \"none\")",
     store_health_on_failure, CONFIG(health_on_failure), "none|kill|restart|stop"},
    {"health-retries", 0, "int", "Consecutive failures needed to report unhealthy (default 3)",
     store_health_retries, AT(config)},
    {"health-start-interval", 0, "duration",
     "Time between running the check during the start period (ms|s|m|h) (default 5s)",
     store_health_start_interval, AT(config)},
    {"health-start-period", 0, "duration",
     "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
     store_health_start_period, AT(config)},
    {"health-timeout", 0, "duration", "Maximum time to allow one check to run (ms|s|m|h) (default 30s)",
     store_health_timeout, AT(config)},
    {"hostname", 'h', "string", "Container host name", store_hostname, CONFIG(hostname)},
    {"init", 0, NULL, "Run an init inside the container that forwards signals and reaps processes",
     store_flag, CONFIG(init)},
    {"interactive", 'i', NULL, "Keep STDIN open even if not attached", store_flag, CONFIG(open_stdin)},
    {"label", 'l', "list", "Set meta data on a container", store_label, AT(config)},
    {"label-file", 0, "list", "Read in a line delimited file of labels", store_label_file, AT(config)},
    {"log-driver", 0, "string", "Logging driver for the container", store_string, CONFIG(log.driver),
     "json-file|local|journald|syslog|none", true},
    {"log-opt", 0, "list", "Log driver options", store_log_option, AT(config)},
    {"mount", 0, "mount", "Attach a filesystem mount to the container", store_mount, AT(config)},
    {"name", 0, "string", "Assign a name to the container", store_string, AT(name)},
    {"network", 0, "network",
     "Connect a container to a network (repeat for several): bridge, none, host, container:NAME, or NAME, or "
     "name=NAME,alias=,ip=,ip6=,mac-address=,driver-opt=,gw-priority=",
     store_network, 0, "bridge|none|host|container:"},
    // Docker's older name of the same.
    {"net", 0, "network", NULL, store_network, 0, "bridge|none|host"},
    {"no-healthcheck", 0, NULL, "Disable any container-specified HEALTHCHECK", store_no_healthcheck,
     AT(config)},
    {"platform", 0, "string", "Set the image's platform, when it is for several", store_string,
     CONFIG(platform), NULL, true},
    {"privileged", 0, NULL, "Give extended privileges to this container", store_flag, CONFIG(privileged)},
    {"publish", 'p', "list", "Publish a container's port(s) to the host", store_publish, CONFIG(ports)},
    {"publish-all", 'P', NULL, "Publish all exposed ports to random ports", store_flag, CONFIG(publish_all)},
    {"pull", 0, "string", "Pull image before running (\"always\", \"missing\", \"never\")", store_pull,
     AT(pull), "always|missing|never", true},
    {"quiet", 'q', NULL, "Suppress the pull output", store_flag, AT(quiet)},
    {"read-only", 0, NULL, "Mount the container's root filesystem as read only", store_flag,
     CONFIG(readonly_rootfs)},
    {"restart", 0, "string", "Restart policy to apply when a container exits (default \"no\")", store_restart,
     CONFIG(restart), "no|on-failure|on-failure:|always|unless-stopped"},
    {"rm", 0, NULL, "Automatically remove the container when it exits", store_flag, CONFIG(auto_remove)},
    {"security-opt", 0, "list", "Security Options", store_security, CONFIG(security_opt),
     "no-new-privileges|seccomp=|seccomp=unconfined|systempaths=unconfined"},
    {"shm-size", 0, "bytes", "Size of /dev/shm", store_size, CONFIG(shm_size)},
    {"stop-signal", 0, "string", "Signal to stop the container", store_signal, CONFIG(stop_signal), NULL,
     true},
    {"stop-timeout", 0, "int", "Timeout (in seconds) to stop a container", store_i64, CONFIG(stop_timeout)},
    {"sysctl", 0, "map", "Sysctl options", store_sysctl, AT(config)},
    {"tmpfs", 0, "list", "Mount a tmpfs directory", store_tmpfs, AT(config)},
    {"tty", 't', NULL, "Allocate a pseudo-TTY", store_flag, CONFIG(tty)},
    {"ulimit", 0, "ulimit", "Ulimit options", store_ulimit, AT(config)},
    {"user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])", store_string, CONFIG(user)},
    {"volume", 'v', "list", "Bind mount a volume", store_volume, AT(config)},
    {"volume-driver", 0, "string", "Optional volume driver for the container: local", store_volume_driver,
     AT(volume_driver), "local", true},
    {"volumes-from", 0, "list", "Mount volumes from the specified container(s)", store_list,
     CONFIG(volumes_from)},
    {"workdir", 'w', "string", "Working directory inside the container", store_working_dir,
     CONFIG(working_dir)},

    {"annotation", 0, "map", "Add an annotation to the container (passed through to the OCI runtime)",
     store_annotation, AT(config)},
    {"blkio-weight-device", 0, "list", "Block IO weight (relative device weight)", store_weight_device,
     CONFIG(blkio_weights)},
    {"cgroup-parent", 0, "string", "Optional parent cgroup for the container", store_string,
     CONFIG(cgroup_parent)},
    {"cgroupns", 0, "string", "Cgroup namespace to use (host|private)", store_cgroupns, CONFIG(cgroupns_mode),
     "host|private"},
    {"device", 0, "list", "Add a host device to the container", store_device, AT(config)},
    {"device-cgroup-rule", 0, "list", "Add a rule to the cgroup allowed devices list", store_device_rule,
     CONFIG(device_rules)},
    {"device-read-iops", 0, "list", "Limit read rate (IO per second) from a device", store_iops,
     CONFIG(read_iops)},
    {"device-write-iops", 0, "list", "Limit write rate (IO per second) to a device", store_iops,
     CONFIG(write_iops)},
    {"disable-content-trust", 0, NULL, "Skip image verification (default true)", store_content_trust, 0},
    {"expose", 0, "list", "Expose a port or a range of ports", store_expose, CONFIG(exposed_ports)},
    {"gpus", 0, "gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)", store_gpus,
     AT(config)},
    {"ipc", 0, "string", "IPC mode to use", store_ipc, CONFIG(ipc_mode),
     "none|private|shareable|host|container:"},
    {"isolation", 0, "string", "Container isolation technology", store_isolation, CONFIG(isolation),
     "default"},
    {"mac-address", 0, "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)", store_mac,
     CONFIG(mac_address), NULL, true},
    {"ip", 0, "ip", "IPv4 address (e.g., 172.30.100.104)", store_ipv4, AT(endpoint.ipv4), NULL, true},
    {"ip6", 0, "ip", "IPv6 address (e.g., 2001:db8::33)", store_ipv6, AT(endpoint.ipv6), NULL, true},
    {"link", 0, "list", "Add link to another container", store_link, AT(endpoint.links)},
    {"link-local-ip", 0, "list", "Container IPv4/IPv6 link-local addresses", store_link_local_ip,
     AT(endpoint.link_local_ips)},
    {"network-alias", 0, "list", "Add network-scoped alias for the container", store_alias,
     AT(endpoint.aliases)},
    {"net-alias", 0, "list", NULL, store_alias, AT(endpoint.aliases)},
    {"memory-swappiness", 0, "int", "Tune container memory swappiness (0 to 100)", store_i64,
     CONFIG(memory_swappiness)},
    {"oom-kill-disable", 0, NULL, "Disable OOM Killer", store_flag, CONFIG(oom_kill_disable)},
    {"oom-score-adj", 0, "int", "Tune host's OOM preferences (-1000 to 1000)", store_i64,
     CONFIG(oom_score_adj)},
    {"pid", 0, "string", "PID namespace to use", store_pid, CONFIG(pid_mode), "host|container:"},
    {"runtime", 0, "string", "Runtime to use for this container", store_runtime, CONFIG(runtime),
     "hoy-runtime|runc"},
    {"storage-opt", 0, "list",
     "Storage driver options for the container: size=BYTES bounds its writable layer, where the file system "
     "has project quotas",
     store_storage, AT(config), "size="},
    {"userns", 0, "string", "User namespace to use", store_userns, CONFIG(userns_mode), "host"},
    {"uts", 0, "string", "UTS namespace to use", store_uts, CONFIG(uts_mode), "host"},
    // Docker's, but not of a container on Linux, or not any more: refused with the reason.
    {"cpu-count", 0, "int", NULL, refuse_windows, 0},
    {"cpu-percent", 0, "int", NULL, refuse_windows, 0},
    {"io-maxbandwidth", 0, "bytes", NULL, refuse_windows, 0},
    {"io-maxiops", 0, "uint", NULL, refuse_windows, 0},
    {"kernel-memory", 0, "bytes", NULL, refuse_kernel_memory, 0},
    {"use-api-socket", 0, NULL, NULL, refuse_api_socket, 0},

};
const struct option_table settings_options = OPTIONS(rows, struct settings);

#define MEMORY_MIN (6 << 20) // Docker's least: with less nothing starts

static int check_memory(const struct container_config *config, struct err *err) {
    int64_t memory = config->memory.value, swap = config->memory_swap.value;
    if (memory && memory < MEMORY_MIN)
        return err_set(err, ERR_INVALID, 0, "--memory: the least that a container can have is 6MB");
    if (swap > 0 && !memory)
        return err_set(err, ERR_INVALID, 0, "--memory-swap needs --memory: it is the sum of memory and swap");
    if (swap > 0 && swap < memory)
        return err_set(err, ERR_INVALID, 0,
                       "--memory-swap is less than --memory: it is the sum of memory and swap");
    return 0;
}

static int check_limits(const struct container_config *config, struct err *err) {
    if (config->pids_limit.value < -1)
        return err_set(err, ERR_INVALID, 0, "--pids-limit is a number of processes, or -1 for no limit");
    if (config->memory_swappiness.set &&
        (config->memory_swappiness.value < -1 || config->memory_swappiness.value > 100))
        return err_set(err, ERR_INVALID, 0, "invalid value: %lld. Valid memory swappiness range is 0-100",
                       (long long)config->memory_swappiness.value);
    return check_memory(config, err);
}

static size_t path_length(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return length;
}

static int check_mounts(const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++)
        for (size_t j = 0; j < i; j++) {
            const char *a = config->mounts.items[i].target, *b = config->mounts.items[j].target;
            if (path_length(a) == path_length(b) && !strncmp(a, b, path_length(a)))
                return err_set(err, ERR_INVALID, 0, "duplicate mount point: %s", a);
        }
    return 0;
}

// Which of the three streams are attached: by default the outputs, and stdin with -i.
static void choose_streams(struct settings *settings, bool detached) {
    struct container_config *config = &settings->config;
    bool named = settings->attach.count;
    config->attach_stdout = config->attach_stderr = !named && !detached;
    config->attach_stdin = !named && !detached && config->open_stdin;
    for (size_t i = 0; i < settings->attach.count; i++) {
        const char *stream = settings->attach.items[i];
        if (str_eq(stream, "stdin")) config->attach_stdin = config->open_stdin = true;
        if (str_eq(stream, "stdout")) config->attach_stdout = true;
        if (str_eq(stream, "stderr")) config->attach_stderr = true;
    }
}

int platform_default(struct arena *arena, const char **platform, struct err *err) {
    const char *text = getenv("DOCKER_DEFAULT_PLATFORM");
    struct platform parsed;
    if (*platform || str_empty(text)) return 0;
    if (platform_parse(arena, text, &parsed, err)) return err_wrap(err, "DOCKER_DEFAULT_PLATFORM");
    *platform = text;
    return 0;
}

int settings_finish(struct invocation *invocation, bool detached, struct err *err) {
    struct settings *settings = invocation->options;
    struct container_config *config = &settings->config;
    const struct strings *arguments = &invocation->arguments;
    struct arena *arena = &invocation->arena;
    invocation->failure = CLI_USAGE_FAILURE;
    if (detached && settings->attach.count)
        return err_set(err, ERR_INVALID, 0, "conflicting options: cannot specify both --attach and --detach");
    if (config->auto_remove && config->restart.name)
        return err_set(err, ERR_INVALID, 0, "conflicting options: cannot specify both --restart and --rm");
    if (config->auto_remove && str_eq(config->health_on_failure, "restart"))
        return err_set(err, ERR_INVALID, 0,
                       "conflicting options: cannot specify both --health-on-failure=restart and --rm");
    if (str_eq(config->log.driver, "none") && config->log.options.count)
        return err_set(err, ERR_INVALID, 0, "invalid logging opts for driver none");
    if (networks_finish(arena, settings, err) < 0 || check_limits(config, err) < 0 ||
        check_mounts(config, err) < 0 || modes_check(config, err) < 0 ||
        platform_default(arena, &config->platform, err) < 0)
        return -1;

    struct parse parse = {.arena = arena};
    config->env = settings->file_env;
    for (size_t i = 0; i < settings->env.count; i++)
        store_env(&parse, settings->env.items[i], &config->env, err);
    choose_streams(settings, detached);

    config->image = arguments->items[0];
    for (size_t i = 1; i < arguments->count; i++) strings_add(arena, &config->cmd, arguments->items[i]);
    if (!*config->image) return err_set(err, ERR_INVALID, 0, "the image's name is empty");
    invocation->failure = 0;
    return 0;
}
