// SPDX-License-Identifier: Apache-2.0
// The root and what is mounted in it.
#include "plan/shell_parts.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "plan/words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define EMBED_MAX (64u << 10)

void shell_image_mount(struct shell *shell, const struct plan_op *op) {
    if (!op->image_mount.index) return;
    _cleanup_(freep) char *index = shell_quote(shell, TEXT(op->image_mount.index));
    fputs("devices=\n# shellcheck disable=SC2043\nfor layer in", shell->out);
    const char *s = TEXT(op->image_mount.layers.at);
    for (uint32_t i = 0; i < op->image_mount.layers.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *layer = shell_quote(shell, s);
        fprintf(shell->out, " \\\n    %s", layer);
    }
    fprintf(shell->out,
            "\ndo\n"
            "    loop=$(losetup --find --show --read-only \"$layer\")\n"
            "    loops=\"$loops $loop\"\n"
            "    devices=\"$devices,device=$loop\"\n"
            "done\n"
            "mkdir \"$dir/image\"\n"
            "mount -t erofs -o \"ro$devices\" %s \"$dir/image\"\n",
            index);
}

void shell_volume_mount(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *type = shell_quote(shell, TEXT(op->volume.type)),
                          *device = shell_quote(shell, TEXT(op->volume.device)),
                          *target = shell_quote(shell, TEXT(op->volume.target));
    _cleanup_(str_finish) struct str options = {0};
    words_add(&options, op->volume.flags & ~(uint64_t)(MS_BIND | MS_REC), words_mount_flags, ",");
    if (op->volume.flags & MS_BIND) str_printf(&options, "%sbind", options.len ? "," : "");
    if (op->volume.data) str_printf(&options, "%s%s", options.len ? "," : "", TEXT(op->volume.data));
    _cleanup_(freep) char *quoted = shell_quote(shell, str_get(&options));
    fprintf(shell->out, "mountpoint -q %s || mount -t %s %s%s %s %s\n", target, type,
            options.len ? "-o " : "", options.len ? quoted : "", device, target);
}

void shell_propagation(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str words = {0};
    words_add(&words, op->propagation.flags, words_propagation, " --make-");
    fprintf(shell->out, "mount --make-%s /\n", str_get(&words));
}

static void add_lower(struct shell *shell, struct plan_list lower, struct str *ret_text) {
    const char *s = TEXT(lower.at);
    for (uint32_t i = 0; i < lower.count; i++, s += strlen(s) + 1) {
        _cleanup_(freep) char *path = shell_quote(shell, s);
        if (i) str_add_char(ret_text, ':');
        str_add(ret_text, str_eq(s, shell->image) ? "\"$dir\"/image" : path);
    }
}

void shell_root_overlay(struct shell *shell, const struct plan_op *op) {
    _cleanup_(str_finish) struct str lower = {0};
    add_lower(shell, op->overlay.lower, &lower);
    if (!op->overlay.upper && op->overlay.lower.count == 1) {
        fprintf(shell->out, "mount -o bind,ro %s \"$root\"\n", str_get(&lower));
        return;
    }
    fprintf(shell->out, "mount -t overlay overlay \\\n    -o lowerdir=%s", str_get(&lower));
    if (op->overlay.upper) fputs(",upperdir=\"$dir\"/upper,workdir=\"$dir\"/work", shell->out);
    _cleanup_(freep) char *options = shell_quote(shell, TEXT(op->overlay.options));
    if (op->overlay.options) fprintf(shell->out, ",%s", options);
    fputs(" \"$root\"\n", shell->out);
}

// Made and attached in one step.
void shell_root_attach(struct shell *shell, const struct plan_op *op) {
    const struct plan_op *overlay = plan_find(shell->block, PLAN_ROOT_OVERLAY);
    (void)op;
    if (overlay) shell_root_overlay(shell, overlay);
}

void shell_root_bind(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->root.path));
    fprintf(shell->out, "mount --rbind %s \"$root\"\n", path);
}

// The files that hoy makes for a container (hosts, resolv.conf) are not there when the script runs: they are
// in the script. Yields the words for the file's name.
static char *embed(struct shell *shell, const char *source) {
    _cleanup_(str_finish) struct str part = {0}, text = {0}, name = {0};
    const char *id = TEXT(shell->block->id);
    str_printf(&part, "/containers/%s/", id);
    if (!*id || !strstr(source, str_get(&part)) || file_read_at(AT_FDCWD, source, EMBED_MAX, &text) ||
        strlen(str_get(&text)) != text.len)
        return shell_quote(shell, source);
    str_printf(&name, "\"$dir\"/file-%d", ++shell->files);
    fprintf(shell->out, "cat > %s", str_get(&name));
    shell_document(shell, str_get(&text));
    return str_take(&name);
}

static void print_options(struct shell *shell, const struct plan_op *op, const char *first,
                          const char *data) {
    _cleanup_(str_finish) struct str options = {0};
    words_add(&options, op->mount.flags & ~(uint64_t)(MS_BIND | MS_REC), words_mount_flags, ",");
    if (*data) str_printf(&options, "%s%s", options.len ? "," : "", data);
    if (!options.len && !*first) return;
    _cleanup_(freep) char *quoted = shell_quote(shell, str_get(&options));
    fprintf(shell->out, " -o %s%s%s", first, *first && options.len ? "," : "", options.len ? quoted : "");
}

static void print_bind(struct shell *shell, const struct plan_op *op) {
    if (op->mount.pid) {
        fprintf(shell->out, "# (no command takes process %d's %s out of its mount namespace: an empty one)\n",
                op->mount.pid, TEXT(op->mount.source));
        fputs("mkdir -p \"$at\"\nmount -t tmpfs shm \"$at\"\n", shell->out);
        return;
    }
    _cleanup_(str_finish) struct str path = {0};
    str_printf(&path, "%s%s%s", TEXT(op->mount.source), op->mount.subpath ? "/" : "",
               TEXT(op->mount.subpath));
    _cleanup_(freep) char *source = embed(shell, str_get(&path));
    if (op->mount.options & PLAN_MOUNT_VOLUME) {
        fprintf(shell->out, "volume %s%s\n", source,
                op->mount.options & PLAN_MOUNT_COPY_UP ? " \"$at\"" : "");
        freep(&source);
        source = xstrdup("\"$volume\"");
    }
    if (!(op->mount.options & PLAN_MOUNT_NO_CREATE)) fprintf(shell->out, "mount_point %s\n", source);
    fputs("mount", shell->out);
    print_options(shell, op, op->mount.flags & MS_REC ? "rbind" : "bind", "");
    fprintf(shell->out, " %s \"$at\"\n", source);
    if (op->mount.set || op->mount.clear)
        fputs("# (mounts below it stay as they are: that takes util-linux 2.39)\n", shell->out);
}

static void print_new_mount(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *source = shell_quote(shell, TEXT(op->mount.source)),
                          *type = shell_quote(shell, TEXT(op->mount.type));
    bool copy = op->mount.options & PLAN_MOUNT_COPY_UP;
    if (!(op->mount.options & PLAN_MOUNT_NO_CREATE)) fputs("mkdir -p \"$at\"\n", shell->out);
    if (copy) fputs("cp -a \"$at\"/. \"$(mktemp -d \"$dir/copy.XXXXXX\")\"\n", shell->out);
    fprintf(shell->out, "mount -t %s", type);
    print_options(shell, op, "", TEXT(op->mount.data));
    fprintf(shell->out, " %s \"$at\"%s\n", *TEXT(op->mount.source) ? source : type,
            op->mount.options & PLAN_MOUNT_OPTIONAL ? " || : # not in every kernel" : "");
    if (copy) fputs("cp -a \"$dir\"/copy.*/. \"$at\"\nrm -r \"$dir\"/copy.*\n", shell->out);
}

void shell_mount(struct shell *shell, const struct plan_op *op) {
    shell_at(shell, TEXT(op->mount.target));
    if (op->mount.flags & MS_BIND)
        print_bind(shell, op);
    else
        print_new_mount(shell, op);
    if (!op->mount.propagation) return;
    _cleanup_(str_finish) struct str words = {0};
    words_add(&words, op->mount.propagation, words_propagation, " --make-");
    fprintf(shell->out, "mount --make-%s \"$at\"\n", str_get(&words));
}

void shell_remount(struct shell *shell, const struct plan_op *op) {
    shell_at(shell, TEXT(op->mount.target));
    bool whole = op->mount.flags & MS_REMOUNT && !(op->mount.flags & MS_BIND);
    fputs("mount", shell->out);
    struct plan_op other = *op;
    other.mount.flags &= ~(uint64_t)MS_REMOUNT;
    print_options(shell, &other, whole ? "remount" : "remount,bind", TEXT(op->mount.data));
    fputs(" \"$at\"\n", shell->out);
}

void shell_directory(struct shell *shell, const struct plan_op *op) {
    shell_at(shell, TEXT(op->path));
    fputs("mkdir -p \"$at\"\n", shell->out);
}

void shell_device(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->device.path));
    if (op->device.bind) {
        fprintf(shell->out, "at %s\nmount_point %s\nmount --bind %s \"$at\"\n", path, path, path);
        return;
    }
    fprintf(shell->out, "node_place %s\nmknod -m %04o \"$at\" ", path, op->device.mode & 07777);
    if (S_ISFIFO(op->device.mode))
        fputs("p\n", shell->out);
    else
        fprintf(shell->out, "%c %u %u\n", S_ISBLK(op->device.mode) ? 'b' : 'c', op->device.major,
                op->device.minor);
    if (op->device.uid || op->device.gid)
        fprintf(shell->out, "chown %u:%u \"$at\"\n", op->device.uid, op->device.gid);
}

void shell_symlink(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->link_to.path)),
                          *target = shell_quote(shell, TEXT(op->link_to.target));
    fprintf(shell->out, "node_place %s\nln -s %s \"$at\"\n", path, target);
}

void shell_console(struct shell *shell, const struct plan_op *op) {
    if (op->console.controlling_only) return;
    fputs("if terminal=$(tty); then\n"
          "    at /dev/console\n"
          "    mount_point \"$terminal\"\n"
          "    mount --bind \"$terminal\" \"$at\"\n"
          "fi\n",
          shell->out);
}

void shell_readonly_path(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->path));
    fprintf(shell->out, "read_only %s\n", path);
}

void shell_mask_path(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *path = shell_quote(shell, TEXT(op->path));
    fprintf(shell->out, "hide %s\n", path);
}

void shell_root_readonly(struct shell *shell, const struct plan_op *op) {
    (void)op;
    fputs("mount -o remount,bind,ro \"$root\"\n", shell->out);
}
