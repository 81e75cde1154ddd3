// SPDX-License-Identifier: Apache-2.0
// mounts add, mounts remove: what a container that runs has mounted.
#include "runtime/mounts.h"

#include "base/fd.h"
#include "hoy-runtime/container.h"

#include <sched.h>
#include <string.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define FILE_MAX   (4u << 20)
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP)

// The file: an array of mounts, an object with one under "mounts", or one mount.
static int read_file(struct arena *arena, const char *path, struct spec *ret_wanted, struct err *err) {
    _cleanup_(str_finish) struct str text = {0}, document = {0};
    _cleanup_(json_freep) struct json *json = NULL, *whole = NULL;
    int r = file_read_at(AT_FDCWD, path, FILE_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the mounts %s", path);
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s is no JSON", path);
    const struct json *list =
        json_is_object(json) && json_get(json, "mounts") ? json_get(json, "mounts") : json;
    bool one = json_is_object(list);
    if (!one && !json_is_array(list)) return err_set(err, ERR_INVALID, 0, "%s has no mounts", path);
    str_printf(&document, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"/\"},\"mounts\":%s%s%s}",
               one ? "[" : "", json_text(list), one ? "]" : "");
    if (json_parse(str_get(&document), document.len, &whole) || spec_parse(arena, whole, ret_wanted, err))
        return err_wrap(err, "%s", path);
    return ret_wanted->mounts.count ? 0 : err_set(err, ERR_INVALID, 0, "%s has no mounts", path);
}

static int open_container(const struct container *container, struct runtime_mounts *request,
                          struct err *err) {
    struct spec spec;
    enum container_status status = container_status(container);
    if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
        return err_set(err, ERR_CONFLICT, 0, "container %s is not running", container->id);
    request->pidfd = container_pidfd(container);
    if (request->pidfd < 0) return err_set(err, ERR_SYSTEM, -request->pidfd, "cannot open the container");
    if (container_spec(container, request->arena, &spec, err)) return -1;
    for (size_t i = 0; i < spec.namespaces.count; i++)
        request->namespaces |= (int)(spec.namespaces.items[i].flag & NAMESPACES);
    return 0;
}

static void take_mounts(const struct spec *wanted, bool add, struct runtime_mounts *request) {
    for (size_t i = 0; i < wanted->mounts.count; i++) {
        struct spec_mount *mount = &wanted->mounts.items[i];
        if (add)
            *arena_push(request->arena, &request->add) = *mount;
        else
            strings_add(request->arena, &request->remove, mount->destination);
    }
}

int run_mounts(struct invocation *invocation, struct err *err) {
    const char *const *words = invocation->arguments.items;
    bool add = str_eq(words[0], "add");
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct spec wanted;
    struct runtime_mounts request = {.arena = &invocation->arena, .pidfd = -1};
    if (!add && !str_eq(words[0], "remove"))
        return err_set(err, ERR_INVALID, 0, "mounts: \"%.40s\" is neither add nor remove", words[0]);
    if (container_open(invocation, words[1], true, &container, err)) return -1;
    request.container = container.id;
    int r = open_container(&container, &request, err);
    if (!r) r = read_file(&invocation->arena, words[2], &wanted, err);
    if (!r) take_mounts(&wanted, add, &request);
    if (!r) r = runtime_mounts_change(&request, err);
    fd_closep(&request.pidfd);
    return r;
}
