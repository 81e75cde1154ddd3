// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/bundle.h"

#include "base/fd.h"
#include "kernel/caps.h"
#include "oci/spec_parts.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CONFIG_MAX (4u << 20)

void bundle_finish(struct bundle *bundle) {
    str_finish(&bundle->text);
}

static void warn_of_each(struct invocation *invocation, cap_mask mask, const char *why) {
    for (unsigned n = 0; n < CAP_COUNT; n++)
        if (mask >> n & 1)
            say_warning(invocation, arena_printf(&invocation->arena, "process.capabilities: %s is not %s",
                                                 cap_name(n), why));
}

// What this process does not have it can't give. The specification wants that said, and the container made.
// Nor has the kernel an effective set with more than the permitted one. An ambient one with more than the
// inheritable one is what `runc spec` writes: nobody is told of that.
static void warn_of_capabilities(struct invocation *invocation, const struct spec *spec) {
    const struct spec_process *process = &spec->process;
    cap_mask permitted = process->caps.permitted, wanted = process->caps.bounding | permitted;
    warn_of_each(invocation, caps_missing(wanted, spec_has_namespace(spec, CLONE_NEWUSER)),
                 "among our own, and left out");
    warn_of_each(invocation, (process->caps.effective | process->caps.ambient) & ~permitted,
                 "in permitted, and left out of what needs that");
}

static int read_config(struct invocation *invocation, int dir, const char *config, struct bundle *bundle,
                       struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(config ? AT_FDCWD : dir, config ? config : "config.json", CONFIG_MAX, &bundle->text);
    if (!config) config = arena_printf(&invocation->arena, "%s/config.json", bundle->path);
    if (r)
        return err_set(err, r == -ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, -r, "cannot read %s%s", config,
                       r == -ENOENT ? ": it is not there" : "");
    if (json_parse(str_get(&bundle->text), bundle->text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s is no JSON", config);
    if (spec_parse(&invocation->arena, json, &bundle->spec, err)) return err_wrap(err, "%s", config);
    say_warnings(invocation, &bundle->spec.warnings);
    warn_of_capabilities(invocation, &bundle->spec);
    return 0;
}

// A root that is a link is followed, as other runtimes do: it is the caller's own.
static int check_root(struct invocation *invocation, struct bundle *bundle, struct err *err) {
    struct stat st;
    struct spec *spec = &bundle->spec;
    if (str_empty(spec->root_path))
        return err_set(err, ERR_INVALID, 0, "%s/config.json: root.path is missing", bundle->path);
    if (*spec->root_path != '/')
        spec->root_path = arena_printf(&invocation->arena, "%s/%s", bundle->path, spec->root_path);
    if (stat(spec->root_path, &st))
        return err_set(err, ERR_SYSTEM, errno, "root.path: cannot open %s", spec->root_path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, 0, "root.path: %s is no directory", spec->root_path);
    char path[PATH_MAX];
    if (!realpath(spec->root_path, path))
        return err_set(err, ERR_SYSTEM, errno, "root.path: cannot open %s", spec->root_path);
    spec->root_path = arena_strdup(&invocation->arena, path);
    return 0;
}

// config.md has the process required for the start only; a container without one can't be made here.
static int check_process(const struct bundle *bundle, struct err *err) {
    const struct spec_process *process = &bundle->spec.process;
    if (!bundle->spec.process.cwd && !bundle->spec.process.args.count)
        return err_set(err, ERR_INVALID, 0,
                       "%s/config.json: process is missing: there is nothing to run in the container",
                       bundle->path);
    if (!process->args.count || str_empty(process->args.items[0]))
        return err_set(err, ERR_INVALID, 0, "%s/config.json: process.args has no command", bundle->path);
    return 0;
}

static void resolve_mounts(struct invocation *invocation, struct bundle *bundle) {
    for (size_t i = 0; i < bundle->spec.mounts.count; i++) {
        struct spec_mount *mount = &bundle->spec.mounts.items[i];
        struct mount_options options = {0};
        mount_options_parse(&invocation->arena, &mount->options, &options);
        bool bind = str_eq(mount->type, "bind") || options.flags & 4096; // MS_BIND
        if (bind && !str_empty(mount->source) && *mount->source != '/')
            mount->source = arena_printf(&invocation->arena, "%s/%s", bundle->path, mount->source);
    }
}

int bundle_read_with(struct invocation *invocation, const char *path, const char *config,
                     struct bundle *ret_bundle, struct err *err) {
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) return err_set(err, ERR_SYSTEM, errno, "cannot open the bundle %s", path);
    *ret_bundle = (struct bundle){.path = arena_strdup(&invocation->arena, resolved)};
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, resolved, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "cannot open the bundle %s", resolved);
    if (read_config(invocation, dir, config, ret_bundle, err) || check_process(ret_bundle, err) ||
        check_root(invocation, ret_bundle, err))
        return -1;
    resolve_mounts(invocation, ret_bundle);
    return 0;
}

int bundle_read(struct invocation *invocation, const char *path, struct bundle *ret_bundle, struct err *err) {
    return bundle_read_with(invocation, path, NULL, ret_bundle, err);
}
