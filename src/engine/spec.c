// SPDX-License-Identifier: Apache-2.0
// A container's settings become a config.json: here the process and the namespaces; mounts, resources and
// security in the files beside. Everything has a reason, which explain prints: the flag as one would write
// it, the image's field, or "default".
#include "engine/spec_parts.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

void spec_because(struct spec_builder *b, const char *field, const char *why) {
    spec_set_why(b->arena, b->spec, field, why);
}

bool spec_host_network(const struct spec_builder *b) {
    return str_eq(b->config->network_mode, "host");
}

bool spec_has_option(const struct spec_builder *b, const char *word) {
    for (size_t i = 0; i < b->config->security_opt.count; i++)
        if (str_eq(b->config->security_opt.items[i], word)) return true;
    return false;
}

const char *spec_size_text(struct arena *arena, int64_t bytes) {
    static const char letters[] = "kmgt";
    const char *letter = "";
    for (const char *l = letters; *l && bytes && bytes % 1024 == 0; l++) {
        bytes /= 1024;
        letter = l;
    }
    return arena_printf(arena, "%lld%.1s", (long long)bytes, letter);
}

// The process

static bool same_strings(const struct strings *a, const struct strings *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->items[i], b->items[i])) return false;
    return true;
}

static int build_args(struct spec_builder *b) {
    const struct container_config *config = b->config;
    struct strings args = {0};
    for (size_t i = 0; i < config->entrypoint.count; i++)
        strings_add(b->arena, &args, config->entrypoint.items[i]);
    for (size_t i = 0; i < config->cmd.count; i++) strings_add(b->arena, &args, config->cmd.items[i]);
    if (!args.count) return err_set(b->err, ERR_INVALID, 0, "no command specified");
    b->spec->process.args = args;

    bool entrypoint = config->entrypoint.count > 0, cmd = config->cmd.count > 0;
    bool image_entrypoint = same_strings(&config->entrypoint, &b->image->entrypoint);
    bool image_cmd = same_strings(&config->cmd, &b->image->cmd);
    spec_because(b, "process.args",
                 arena_printf(b->arena, "%s%s%s",
                              !entrypoint        ? ""
                              : image_entrypoint ? "image Entrypoint"
                                                 : "--entrypoint",
                              entrypoint && cmd ? ", " : "",
                              !cmd        ? ""
                              : image_cmd ? "image Cmd"
                                          : "command line"));
    return 0;
}

// Docker's order: its own three, then what was asked for, then the image's; a name keeps its first place and
// gets its last value.
static void build_env(struct spec_builder *b) {
    struct strings *env = &b->spec->process.env;
    strings_add(b->arena, env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    strings_add(b->arena, env, arena_printf(b->arena, "HOSTNAME=%s", b->config->hostname));
    if (b->config->tty) strings_add(b->arena, env, "TERM=xterm");
    for (size_t i = 0; i < b->config->env.count; i++) spec_env_set(b->arena, env, b->config->env.items[i]);
    spec_because(b, "process.env",
                 b->image->env.count && b->config->env.count > b->image->env.count ? "image Env, --env"
                 : b->config->env.count && !b->image->env.count                    ? "--env"
                 : b->image->env.count                                             ? "image Env"
                                                                                   : "default");
}

static int build_cwd(struct spec_builder *b) {
    const char *cwd = b->config->working_dir, *image = b->image->working_dir;
    b->spec->process.cwd = str_empty(cwd) ? "/" : cwd;
    b->spec->process.make_cwd = true;
    if (*b->spec->process.cwd != '/')
        return err_set(b->err, ERR_INVALID, 0,
                       "the working directory '%s' is invalid, it needs to be an absolute path", cwd);
    spec_because(b, "process.cwd",
                 str_empty(cwd)       ? "default"
                 : str_eq(cwd, image) ? "image WorkingDir"
                                      : arena_printf(b->arena, "--workdir %s", cwd));
    return 0;
}

static void build_user(struct spec_builder *b) {
    const char *user = b->config->user;
    const char *why = str_empty(user)                ? "default"
                      : str_eq(user, b->image->user) ? arena_printf(b->arena, "image User %s", user)
                                                     : arena_printf(b->arena, "--user %s", user);
    // Also "0": the groups of the container's root come from its own files.
    b->spec->process.user_name = str_empty(user) ? "0" : user;
    b->spec->process.group_add = b->config->group_add;
    if (b->config->group_add.count) why = arena_printf(b->arena, "%s, --group-add", why);
    spec_because(b, "process.user", why);
}

static int build_process(struct spec_builder *b) {
    b->spec->process.terminal = b->config->tty;
    spec_because(b, "process.terminal", "--tty");
    spec_because(b, "process.user.umask", "default");
    build_env(b);
    build_user(b);
    return build_args(b) || build_cwd(b) ? -1 : 0;
}

// Namespaces and names

static void build_namespaces(struct spec_builder *b) {
    static const struct {
        uint64_t flag;
        const char *field;
    } rows[] = {
        {CLONE_NEWPID, "linux.namespaces.pid"},       {CLONE_NEWNS, "linux.namespaces.mount"},
        {CLONE_NEWUTS, "linux.namespaces.uts"},       {CLONE_NEWIPC, "linux.namespaces.ipc"},
        {CLONE_NEWCGROUP, "linux.namespaces.cgroup"}, {CLONE_NEWTIME, "linux.namespaces.time"},
        {CLONE_NEWNET, "linux.namespaces.network"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].flag == CLONE_NEWNET && spec_host_network(b)) continue;
        if (rows[i].flag == CLONE_NEWTIME && access("/proc/self/ns/time", F_OK)) continue;
        arena_push(b->arena, &b->spec->namespaces)->flag = rows[i].flag;
        spec_because(b, rows[i].field, "default");
    }
    spec_because(b, "linux.namespaces", "default");
    if (!str_eq(b->config->network_mode, "bridge"))
        spec_because(b, "linux.namespaces.network",
                     arena_printf(b->arena, "--network %s", b->config->network_mode));
}

static void build_names(struct spec_builder *b) {
    const char *hostname = b->config->hostname;
    bool made_up = strncmp(hostname, b->id, SHORT_ID) == 0 && strlen(hostname) == SHORT_ID;
    b->spec->hostname = hostname;
    spec_because(b, "hostname",
                 made_up                ? "default: the id"
                 : spec_host_network(b) ? "--network host"
                                        : arena_printf(b->arena, "--hostname %s", hostname));
    if (str_empty(b->config->domainname)) return;
    b->spec->domainname = b->config->domainname;
    spec_because(b, "domainname", arena_printf(b->arena, "--domainname %s", b->config->domainname));
}

int container_spec(struct arena *arena, const struct container_spec_input *input, struct spec *ret_spec,
                   struct err *err) {
    struct spec spec = {.oci_version = "1.2.0"};
    struct spec_builder b = {
        .arena = arena,
        .config = input->config,
        .image = input->image,
        .id = input->id,
        .run_dir = input->run_dir,
        .volumes = input->volumes,
        .images = input->images,
        .spec = &spec,
        .err = err,
    };
    spec.cgroups_path = arena_printf(arena, "/hoy-%s", input->id);
    spec_because(&b, "linux.cgroupsPath", "default");
    spec_because(&b, "linux.rootfsPropagation", "default");
    spec_because(&b, "root.path", arena_printf(arena, "image %s", input->config->image));
    spec.root_readonly = input->config->readonly_rootfs;
    if (spec.root_readonly) spec_because(&b, "root.readonly", "--read-only");
    if (input->config->init) spec_because(&b, "init", "--init");
    build_namespaces(&b);
    build_names(&b);
    if (build_process(&b) || spec_build_mounts(&b) || spec_build_resources(&b) || spec_build_security(&b))
        return -1;
    *ret_spec = spec;
    return 0;
}
