// SPDX-License-Identifier: Apache-2.0
// inspect: containers and images as Docker's documents.
#include "cli/inspect.h"
#include "base/clock.h"
#include "base/json_strings.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/health.h"
#include "cli/words.h"
#include "engine/cni.h"
#include "engine/prune.h"
#include "engine/volume.h"
#include "engine/why.h"
#include "image/lower.h"
#include "oci/key_values.h"
#include "registry/reference.h"

#include <stdio.h>
#include <string.h>

struct inspect_flags {
    const char *format, *type, *platform;
    bool size, verbose;
};

static const struct option format_row[] = {
    {"format", 'f', "string", FORMAT_HELP, store_string, offsetof(struct inspect_flags, format)},
};
const struct option_table format_options_table = OPTIONS(format_row, struct inspect_flags);

static const struct option platform_row[] = {
    {"platform", 0, "string", "Only of images that are for this platform", store_string,
     offsetof(struct inspect_flags, platform)},
};
const struct option_table platform_options_table = OPTIONS(platform_row, struct inspect_flags);

// What a network has in other nodes of a swarm, which hoy has none of.
static const struct option network_rows[] = {
    {"verbose", 'v', NULL, "Verbose output for diagnostics", store_flag,
     offsetof(struct inspect_flags, verbose)},
};
const struct option_table network_inspect_options_table = OPTIONS(network_rows, struct inspect_flags);

static int store_type(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!str_eq(text, "container") && !str_eq(text, "image") && !str_eq(text, "volume") &&
        !str_eq(text, "network"))
        return err_set(err, ERR_INVALID, 0,
                       "objects of other types than container, image, network and volume are not supported");
    return store_string(parse, text, field, err);
}

static const struct option inspect_rows[] = {
    {"type", 0, "string", "Only inspect objects of the given type: container, image, network or volume",
     store_type, offsetof(struct inspect_flags, type), "container|image|network|volume"},
};
const struct option_table inspect_options_table = OPTIONS(inspect_rows, struct inspect_flags);

static const struct option size_rows[] = {
    {"size", 's', NULL, "Display total file sizes if the type is container", store_flag,
     offsetof(struct inspect_flags, size)},
};
const struct option_table size_options_table = OPTIONS(size_rows, struct inspect_flags);

void inspect_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char text[CLOCK_RFC3339_SIZE];
    json_put_string(w, key, clock_rfc3339(wall_ns, text));
}

// Containers

// Not in Docker's: what `hoy why` says of those that did not end well.
static void write_why(struct engine *engine, struct arena *arena, const struct container *container,
                      struct json_writer *w) {
    struct why why;
    bool ended = str_eq(container->state, "exited") && container->exit_code;
    if (!ended && str_empty(container->error)) return;
    container_why(engine, arena, container, &why);
    json_put_strings(w, "Why", &why.sentences);
}

static void write_state(struct engine *engine, struct arena *arena, const struct container *container,
                        struct json_writer *w) {
    bool running = str_eq(container->state, "running"), restarting = str_eq(container->state, "restarting");
    json_begin_object(w, "State");
    json_put_string(w, "Status", container_state(container));
    json_put_bool(w, "Running", running || restarting);
    json_put_bool(w, "Paused", container->paused);
    json_put_bool(w, "Restarting", restarting);
    json_put_bool(w, "OOMKilled", container->oom_killed);
    json_put_bool(w, "Dead", false);
    json_put_i64(w, "Pid", running ? container->pid : 0);
    json_put_i64(w, "ExitCode", container->exit_code);
    json_put_string(w, "Error", container->error ? container->error : "");
    inspect_time(w, "StartedAt", container->started);
    inspect_time(w, "FinishedAt", container->finished);
    health_write(engine, container, w);
    write_why(engine, arena, container, w);
    json_end_object(w);
}

// The command's first word, and the rest: of the entrypoint and the command together.
static void write_command(struct arena *arena, const struct container_config *config, struct json_writer *w) {
    struct strings words = {0};
    for (size_t i = 0; i < config->entrypoint.count; i++)
        strings_add(arena, &words, config->entrypoint.items[i]);
    for (size_t i = 0; i < config->cmd.count; i++) strings_add(arena, &words, config->cmd.items[i]);
    json_put_string(w, "Path", words.count ? words.items[0] : "");
    struct strings rest = words.count ? (struct strings){words.items + 1, words.count - 1} : words;
    json_put_strings(w, "Args", &rest);
}

// As -v had it after the second colon.
static const char *mount_mode(struct arena *arena, const struct container_mount *mount) {
    bool by_volume_flag =
        mount->why && (str_has_prefix(mount->why, "-v") || str_has_prefix(mount->why, "--volume"));
    if (mount->type == CONTAINER_MOUNT_VOLUME && !mount->anonymous && !mount->readonly &&
        !mount->volume_nocopy)
        return "z";
    if (!by_volume_flag) return mount->type == CONTAINER_MOUNT_VOLUME && !mount->anonymous ? "z" : "";
    return arena_printf(arena, "%s%s%s%s", mount->readonly ? "ro" : "",
                        mount->readonly && (mount->propagation || mount->volume_nocopy) ? "," : "",
                        mount->propagation ? mount->propagation : "", mount->volume_nocopy ? "nocopy" : "");
}

static void write_mount(struct engine *engine, struct arena *arena, const struct container_mount *mount,
                        struct json_writer *w) {
    static const char *const types[] = {[CONTAINER_MOUNT_BIND] = "bind",
                                        [CONTAINER_MOUNT_VOLUME] = "volume",
                                        [CONTAINER_MOUNT_TMPFS] = "tmpfs",
                                        [CONTAINER_MOUNT_IMAGE] = "image"};
    bool bind = mount->type == CONTAINER_MOUNT_BIND, volume = mount->type == CONTAINER_MOUNT_VOLUME;
    const char *source = mount->source ? mount->source : "";
    json_begin_object(w, NULL);
    json_put_string(w, "Type", types[mount->type]);
    if (volume) json_put_string(w, "Name", source);
    json_put_string(w, "Source", volume ? volume_path(engine, arena, source) : source);
    json_put_string(w, "Destination", mount->target);
    if (volume) json_put_string(w, "Driver", "local");
    json_put_string(w, "Mode", mount_mode(arena, mount));
    json_put_bool(w, "RW", !mount->readonly);
    json_put_string(w, "Propagation", mount->propagation ? mount->propagation : bind ? "rprivate" : "");
    json_end_object(w);
}

// What --tmpfs gave is only in HostConfig, as with Docker.
static void write_mounts(struct engine *engine, struct arena *arena, const struct container_config *config,
                         struct json_writer *w) {
    json_begin_array(w, "Mounts");
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (mount->type == CONTAINER_MOUNT_TMPFS && mount->why && str_has_prefix(mount->why, "--tmpfs"))
            continue;
        write_mount(engine, arena, mount, w);
    }
    json_end_array(w);
}

static int write_size(struct engine *engine, struct arena *arena, const struct container *container,
                      struct json_writer *w, struct err *err) {
    struct image image;
    uint64_t size = container_size(engine, container);
    if (image_find(&engine->store, arena, container->image_id, &image, err)) return -1;
    json_put_u64(w, "SizeRw", size);
    json_put_u64(w, "SizeRootFs", image.size + size);
    return 0;
}

// What the host sees of its root: nothing is mounted there, so that all of it is seen through its process.
static void write_graph_driver(struct engine *engine, struct arena *arena, const struct container *container,
                               struct json_writer *w) {
    const char *folder = arena_printf(arena, "%s/containers/%s", engine->store.root, container->id);
    struct image_lower lower = {0};
    struct image image;
    struct err ignored;
    if (!image_find(&engine->store, arena, container->image_id, &image, &ignored))
        (void)image_lower_find(&engine->store, &image, arena, &lower, &ignored);
    json_begin_object(w, "GraphDriver");
    json_begin_object(w, "Data");
    json_put_string(w, "LowerDir", strings_join(arena, &lower.directories, ":"));
    json_put_string(w, "MergedDir",
                    container->pid > 0 ? arena_printf(arena, "/proc/%d/root", container->pid) : "");
    json_put_string(w, "UpperDir", arena_printf(arena, "%s/upper", folder));
    json_put_string(w, "WorkDir", arena_printf(arena, "%s/work", folder));
    json_end_object(w);
    json_put_string(w, "Name", engine->store.driver);
    json_end_object(w);
}

static int write_container(struct invocation *invocation, struct engine *engine, const char *name,
                           struct json_writer *w, struct err *err) {
    const struct inspect_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct container container;
    if (container_find(engine, arena, name, &container, err) < 0) return -1;
    const char *runroot = engine->store.runroot, *id = container.id;
    json_begin_object(w, NULL);
    json_put_string(w, "Id", id);
    inspect_time(w, "Created", container.created);
    write_command(arena, &container.config, w);
    write_state(engine, arena, &container, w);
    json_put_string(w, "Image", container.image_id);
    json_put_string(w, "ResolvConfPath", arena_printf(arena, "%s/containers/%s/resolv.conf", runroot, id));
    json_put_string(w, "HostnamePath", arena_printf(arena, "%s/containers/%s/hostname", runroot, id));
    json_put_string(w, "HostsPath", arena_printf(arena, "%s/containers/%s/hosts", runroot, id));
    json_put_string(w, "LogPath", container_log_path(engine, arena, &container));
    json_put_string(w, "Name", arena_printf(arena, "/%s", container.name));
    json_put_i64(w, "RestartCount", container.restart_count);
    json_put_string(w, "Driver", engine->store.driver);
    json_put_string(w, "Platform", "linux");
    json_put_string(w, "MountLabel", "");
    json_put_string(w, "ProcessLabel", "");
    json_put_string(w, "AppArmorProfile", "");
    json_put_null(w, "ExecIDs");
    if (flags->size && write_size(engine, arena, &container, w, err)) return -1;
    write_mounts(engine, arena, &container.config, w);
    write_graph_driver(engine, arena, &container, w);
    container_config_write(&container.config, w);
    int r = inspect_network_settings(engine, arena, &container, w, err);
    json_end_object(w);
    return r;
}

// Images

// What a container does not get from it yet is passed on as it is.
static void put_rest(const struct json *part, struct json_writer *w) {
    static const char *const fields[] = {"ArgsEscaped", "Healthcheck", "OnBuild"};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (!json_is_null(json_get(part, fields[i]))) json_put_value(w, fields[i], json_get(part, fields[i]));
}

static void write_image_config(const struct image_config *config, const struct json *part,
                               struct json_writer *w) {
    json_begin_object(w, "Config");
    if (config->user) json_put_string(w, "User", config->user);
    if (config->exposed_ports.count) json_put_keys(w, "ExposedPorts", &config->exposed_ports);
    json_put_strings(w, "Env", &config->env);
    if (config->has_entrypoint) json_put_strings(w, "Entrypoint", &config->entrypoint);
    if (config->has_cmd) json_put_strings(w, "Cmd", &config->cmd);
    if (config->volumes.count) json_put_keys(w, "Volumes", &config->volumes);
    json_put_string(w, "WorkingDir", config->working_dir ? config->working_dir : "");
    key_values_write(w, "Labels", &config->labels);
    if (config->stop_signal) json_put_string(w, "StopSignal", config->stop_signal);
    if (config->shell.count) json_put_strings(w, "Shell", &config->shell);
    put_rest(part, w);
    json_end_object(w);
}

static const char *last_comment(const struct json *config) {
    const struct json *history = json_get(config, "history");
    size_t steps = json_length(history);
    const char *comment = steps ? json_get_string(json_at(history, steps - 1), "comment") : NULL;
    return comment ? comment : "";
}

// Names as Docker shows them: "debian:12", "debian@sha256:…".
static void put_names(struct arena *arena, struct json_writer *w, const char *key,
                      const struct strings *names) {
    json_begin_array(w, key);
    for (size_t i = 0; i < names->count; i++) json_put_string(w, NULL, words_image(arena, names->items[i]));
    json_end_array(w);
}

static void put_text(struct json_writer *w, const char *key, const char *text) {
    json_put_string(w, key, text ? text : "");
}

// What has no size of its own here.
static void pass_over_size(const struct invocation *invocation, const char *kind) {
    const struct inspect_flags *flags = invocation->options;
    if (flags->size) fprintf(stderr, "WARNING: --size ignored for %s\n", kind);
}

static int write_image(struct invocation *invocation, struct engine *engine, const char *name,
                       struct json_writer *w, struct err *err) {
    struct arena *arena = &invocation->arena;
    struct image image;
    _cleanup_(json_freep) struct json *json = NULL;
    char digest[DIGEST_SIZE];
    const struct inspect_flags *flags = invocation->options;
    if (image_find(&engine->store, arena, name, &image, err) < 0 ||
        platform_check(arena, flags->platform, name, &image.config, err))
        return -1;
    const struct image_config *config = &image.config;
    if (json_parse(image.config_text, strlen(image.config_text), &json))
        return err_set(err, ERR_INVALID, 0, "the config of image %s is no JSON", image.id);
    json_begin_object(w, NULL);
    json_put_string(w, "Id", image.id);
    put_names(arena, w, "RepoTags", &image.names);
    put_names(arena, w, "RepoDigests", &image.digests);
    json_put_string(w, "Parent", "");
    json_put_string(w, "Comment", last_comment(json));
    put_text(w, "Created", config->created);
    put_text(w, "DockerVersion", json_get_string(json, "docker_version"));
    put_text(w, "Author", config->author);
    write_image_config(config, json_get(json, "config"), w);
    put_text(w, "Architecture", config->architecture);
    if (!str_empty(config->variant)) json_put_string(w, "Variant", config->variant);
    put_text(w, "Os", config->os);
    if (!str_empty(json_get_string(json, "os.version")))
        json_put_string(w, "OsVersion", json_get_string(json, "os.version"));
    json_put_u64(w, "Size", image.size);
    json_begin_object(w, "GraphDriver");
    json_put_null(w, "Data");
    json_put_string(w, "Name", engine->store.driver);
    json_end_object(w);
    json_begin_object(w, "RootFS");
    json_put_string(w, "Type", "layers");
    json_put_strings(w, "Layers", &config->diff_ids);
    json_end_object(w);
    json_begin_object(w, "Metadata");
    inspect_time(w, "LastTagTime", image.pulled);
    json_end_object(w);
    json_begin_object(w, "Descriptor");
    digest_of(image.manifest, strlen(image.manifest), digest);
    json_put_string(w, "mediaType", image.media_type);
    json_put_string(w, "digest", digest);
    json_put_u64(w, "size", strlen(image.manifest));
    json_end_object(w);
    json_end_object(w);
    pass_over_size(invocation, "image");
    return 0;
}

// All of the arguments

typedef int writer(struct invocation *invocation, struct engine *engine, const char *name,
                   struct json_writer *w, struct err *err);

static int write_volume(struct invocation *invocation, struct engine *engine, const char *name,
                        struct json_writer *w, struct err *err) {
    if (inspect_volume(engine, &invocation->arena, name, w, err)) return -1;
    return pass_over_size(invocation, "volume"), 0;
}

static int write_network(struct invocation *invocation, struct engine *engine, const char *name,
                         struct json_writer *w, struct err *err) {
    if (inspect_network(engine, &invocation->arena, name, w, err)) return -1;
    return pass_over_size(invocation, "network"), 0;
}

static bool is_no_image_name(struct invocation *invocation, const char *name) {
    struct reference reference;
    struct err ignored;
    return reference_parse(&invocation->arena, name, &reference, &ignored) != 0;
}

static int write_either(struct invocation *invocation, struct engine *engine, const char *name,
                        struct json_writer *w, struct err *err) {
    if (write_container(invocation, engine, name, w, err) == 0) return 0;
    if (err->kind != ERR_NOT_FOUND) return -1;
    if (write_image(invocation, engine, name, w, err) == 0) return 0;
    if (err->kind != ERR_NOT_FOUND && !is_no_image_name(invocation, name)) return -1;
    if (write_network(invocation, engine, name, w, err) == 0) return 0;
    if (err->kind != ERR_NOT_FOUND) return -1;
    if (write_volume(invocation, engine, name, w, err) == 0) return 0;
    if (err->kind != ERR_NOT_FOUND) return -1;
    return err_set(err, ERR_NOT_FOUND, 0, "No such object: %s", name);
}

// What is there is printed, what is not is said after it.
static int inspect_all(struct invocation *invocation, struct engine *engine, writer *write, struct err *err) {
    const struct inspect_flags *flags = invocation->options;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct err *errors = arena_array(&invocation->arena, struct err, invocation->arguments.count + 1);
    size_t failed = 0;
    if (format_check(invocation, flags->format, err) < 0) return -1;
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < invocation->arguments.count; i++) {
        _cleanup_(json_writer_finish) struct json_writer one = {0};
        if (write(invocation, engine, invocation->arguments.items[i], &one, &errors[failed]) < 0)
            failed++; // in the middle of it, perhaps
        else
            json_put_raw(&w, NULL, str_get(&one.text));
    }
    json_end_array(&w);
    if (format_documents(flags->format, str_get(&w.text), stdout, &errors[failed]) < 0) failed++;
    for (size_t i = 0; i < failed; i++) cli_print_error(invocation, &errors[i]);
    return failed ? 1 : 0;
}

int run_container_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    return inspect_all(invocation, engine, write_container, err);
}

int run_image_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    return inspect_all(invocation, engine, write_image, err);
}

int run_volume_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    return inspect_all(invocation, engine, write_volume, err);
}

int run_network_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    return inspect_all(invocation, engine, write_network, err);
}

int run_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct inspect_flags *flags = invocation->options;
    return inspect_all(invocation, engine,
                       !flags->type                     ? write_either
                       : str_eq(flags->type, "image")   ? write_image
                       : str_eq(flags->type, "volume")  ? write_volume
                       : str_eq(flags->type, "network") ? write_network
                                                        : write_container,
                       err);
}
