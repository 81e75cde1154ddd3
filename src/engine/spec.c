// SPDX-License-Identifier: Apache-2.0
// A container's settings become a config.json: here the process and the namespaces; mounts, resources and
// security in the files beside. Everything has a reason, which explain prints: the flag as one would write
// it, the image's field, or "default".
#include "engine/pasta.h"
#include "engine/rootless.h"
#include "engine/spec_parts.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

void spec_because(struct spec_builder *b, const char *field, const char *why) {
    spec_set_why(b->arena, b->spec, field, why);
}

bool spec_joins(const char *mode) {
    return !str_empty(mode) && str_has_prefix(mode, "container:");
}

bool spec_host_network(const struct spec_builder *b) {
    return str_eq(b->config->network_mode, "host");
}

bool spec_has_option(const struct spec_builder *b, const char *word) {
    return strings_have(&b->config->security_opt, word);
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

// "--pid host" joins nobody: the namespace is left out.
struct namespace_row {
    uint64_t flag;
    const char *field, *name, *option;
    const char *mode, *usual;            // what was asked for, and what needs no reason
    const struct namespace_owner *owner; // NULL: another container's can't be joined
};

static void build_namespace(struct spec_builder *b, const struct namespace_row *row) {
    bool asked = !str_empty(row->mode) && !str_eq(row->mode, row->usual);
    spec_because(b, row->field, asked ? arena_printf(b->arena, "%s %s", row->option, row->mode) : "default");
    if (str_eq(row->mode, "host")) return;
    struct spec_namespace *ns = arena_push(b->arena, &b->spec->namespaces);
    ns->flag = row->flag;
    if (!row->owner || !spec_joins(row->mode)) return;
    ns->pid = row->owner->pid;
    ns->start_time = row->owner->start_time;
    ns->path = arena_printf(b->arena, "/proc/%d/ns/%s", row->owner->pid, row->name);
}

static void build_namespaces(struct spec_builder *b) {
    static const struct namespace_owners nobody;
    const struct container_config *config = b->config;
    const struct namespace_owners *owners = b->owners ? b->owners : &nobody;
#define FIELD(name) "linux.namespaces." name
    const struct namespace_row rows[] = {
        {CLONE_NEWPID, FIELD("pid"), "pid", "--pid", config->pid_mode, NULL, &owners->pid},
        {CLONE_NEWNS, FIELD("mount"), "mnt", NULL, NULL, NULL, NULL},
        {CLONE_NEWUTS, FIELD("uts"), "uts", "--uts", config->uts_mode, NULL, NULL},
        {CLONE_NEWIPC, FIELD("ipc"), "ipc", "--ipc", config->ipc_mode, "private", &owners->ipc},
        {CLONE_NEWCGROUP, FIELD("cgroup"), "cgroup", "--cgroupns", config->cgroupns_mode, "private", NULL},
        {CLONE_NEWTIME, FIELD("time"), "time", NULL, NULL, NULL, NULL},
        {CLONE_NEWNET, FIELD("network"), "net", "--network", config->network_mode, network_usual(),
         &owners->network},
    };
#undef FIELD
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].flag != CLONE_NEWTIME || !access("/proc/self/ns/time", F_OK) || errno != ENOENT)
            build_namespace(b, &rows[i]);
    spec_because(b, "linux.namespaces", "default");
}

static const char *hostname_why(struct spec_builder *b) {
    const char *hostname = b->config->hostname, *network = b->config->network_mode;
    if (!strncmp(hostname, b->id, SHORT_ID) && strlen(hostname) == SHORT_ID) return "default: the id";
    if (str_eq(network, "host") || spec_joins(network))
        return arena_printf(b->arena, "--network %s", network);
    return arena_printf(b->arena, "--hostname %s", hostname);
}

static void build_names(struct spec_builder *b) {
    if (str_eq(b->config->uts_mode, "host")) return; // they would be the host's
    b->spec->hostname = b->config->hostname;
    spec_because(b, "hostname", hostname_why(b));
    if (str_empty(b->config->domainname)) return;
    b->spec->domainname = b->config->domainname;
    spec_because(b, "domainname", arena_printf(b->arena, "--domainname %s", b->config->domainname));
}

static void build_cgroup(struct spec_builder *b) {
    const char *parent = b->config->cgroup_parent;
    // Below the caller's own group, which is where an ordinary user may be allowed to make one.
    b->spec->cgroups_path = arena_printf(b->arena, "%shoy-%s", rootless_is_here() ? "" : "/", b->id);
    spec_because(b, "linux.cgroupsPath", "default");
    if (str_empty(parent)) return;
    bool slash = *parent == '/', end = str_has_suffix(parent, "/");
    b->spec->cgroups_path =
        arena_printf(b->arena, "%s%s%shoy-%s", slash ? "" : "/", parent, end ? "" : "/", b->id);
    spec_because(b, "linux.cgroupsPath", arena_printf(b->arena, "--cgroup-parent %s", parent));
}

static int build_annotations(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->annotations.count; i++) {
        const struct spec_key_value *pair = &b->config->annotations.items[i];
        // With these hoy tells itself what it may do.
        if (str_has_prefix(pair->key, "hoy."))
            return err_set(b->err, ERR_INVALID, 0,
                           "--annotation %s: names that begin with \"hoy.\" are hoy's own", pair->key);
        *arena_push(b->arena, &b->spec->annotations) = *pair;
    }
    return 0;
}

int container_spec(struct arena *arena, const struct container_spec_input *input, struct spec *ret_spec,
                   struct err *err) {
    struct spec spec = {.oci_version = "1.2.0"};
    struct spec_builder b = {
        .arena = arena,
        .config = input->config,
        .owners = input->owners,
        .image = input->image,
        .id = input->id,
        .run_dir = input->run_dir,
        .volumes = input->volumes,
        .images = input->images,
        .spec = &spec,
        .err = err,
    };
    build_cgroup(&b);
    spec_because(&b, "linux.rootfsPropagation", "default");
    spec_because(&b, "root.path", arena_printf(arena, "image %s", input->config->image));
    spec.root_readonly = input->config->readonly_rootfs;
    if (spec.root_readonly) spec_because(&b, "root.readonly", "--read-only");
    if (input->config->init) spec_because(&b, "init", "--init");
    build_namespaces(&b);
    build_names(&b);
    if (build_annotations(&b) || build_process(&b) || spec_build_mounts(&b) || spec_build_resources(&b) ||
        spec_build_security(&b) || spec_build_devices(&b))
        return -1;
    *ret_spec = spec;
    return 0;
}
