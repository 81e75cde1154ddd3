// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/images.h"

#include "base/fd.h"
#include "base/protobuf.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TAIL  (256 << 10) // of which the last error is looked for
#define LOG_LEVEL 4           // everything

void images_close(struct images *images) {
    fd_closep(&images->dir);
    fd_closep(&images->work);
}

static int open_folder(const char *path, const char *flag, bool make, int *ret_fd, struct err *err) {
    int r = make ? dir_make_all_at(AT_FDCWD, path, 0700) : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "--%s: cannot make %s", flag, path);
    int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return err_set(err, fd == -ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, -fd, "--%s: cannot open %s%s", flag,
                       path, fd == -ENOENT ? ": it is not there" : "");
    *ret_fd = fd;
    return 0;
}

// CRIU writes these with our privileges, and whoever made the images may have put a link there
// (CVE-2025-0750).
static int check_files(const struct images *images, struct err *err) {
    static const char *const names[] = {"dump.log", "restore.log", "stats-dump", "stats-restore"};
    struct stat st;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!fstatat(images->work, names[i], &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
            return err_set(err, ERR_INVALID, 0,
                           "%s/%s is no plain file, and CRIU would write to it: remove it", images->work_path,
                           names[i]);
    return 0;
}

int images_open(struct invocation *invocation, const struct images_options *options, bool make,
                struct images *ret_images, struct err *err) {
    _cleanup_(images_close) struct images images = {.dir = -1, .work = -1};
    _cleanup_(freep) char *cwd = getcwd(NULL, 0);
    const char *path = str_empty(options->image_path) ? "checkpoint" : options->image_path;
    images.path = *path == '/' ? path : arena_printf(&invocation->arena, "%s/%s", cwd ? cwd : "", path);
    images.work_path = str_empty(options->work_path) ? images.path
                       : *options->work_path == '/'
                           ? options->work_path
                           : arena_printf(&invocation->arena, "%s/%s", cwd ? cwd : "", options->work_path);
    if (open_folder(images.path, "image-path", make, &images.dir, err) ||
        open_folder(images.work_path, "work-path", true, &images.work, err) || check_files(&images, err))
        return -1;
    *ret_images = images;
    images.dir = images.work = -1;
    return 0;
}

static int reopen(const char *root, const char *path, int *fd, struct err *err) {
    char there[PATH_MAX];
    snprintf(there, sizeof there, "%s%s", root, path);
    int again = fd_open_at(AT_FDCWD, there, O_RDONLY | O_DIRECTORY, 0);
    if (again < 0) return err_set(err, ERR_SYSTEM, -again, "cannot open %s", there);
    fd_closep(fd);
    *fd = again;
    return 0;
}

int images_reopen(struct images *images, pid_t pid, struct err *err) {
    char root[32];
    snprintf(root, sizeof root, "/proc/%d/root", pid);
    return reopen(root, images->path, &images->dir, err) ||
                   reopen(root, images->work_path, &images->work, err)
               ? -1
               : 0;
}

// Options

static int put_cgroups_mode(const char *word, struct str *message, struct err *err) {
    static const struct {
        const char *word;
        int number;
    } modes[] = {{"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}};
    int number = 6; // CRIU's own default
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (str_eq(word, modes[i].word)) number = modes[i].number;
    if (!str_empty(word) && number == 6)
        return err_set(err, ERR_INVALID, 0, "--manage-cgroups-mode: it is soft, full, strict or ignore");
    protobuf_put_number(message, CRIU_MANAGE_CGROUPS, 1); // for versions that do not know the next
    protobuf_put_number(message, CRIU_MANAGE_CGROUPS_MODE, number);
    return 0;
}

static int check_empty(const struct strings *names, struct err *err) {
    for (size_t i = 0; i < names->count; i++)
        if (!str_eq(names->items[i], "network"))
            return err_set(err, ERR_INVALID, 0, "--empty-ns: \"%.40s\": only network can be made empty",
                           names->items[i]);
    return 0;
}

// The annotation of crun and runc; "" is none. Without one runc's own file, which callers have written where
// they want something of CRIU that no flag says.
static void put_config_file(const struct spec *spec, struct str *message) {
    static const char usual[] = "/etc/criu/runc.conf";
    const char *path = spec_annotation(spec, "org.criu.config");
    if (!path && !access(usual, F_OK)) path = usual;
    protobuf_put_text(message, CRIU_CONFIG_FILE, path);
}

// Meanwhile nobody may speak with the container's sockets. CRIU has that done by iptables, unless it is told
// to do it itself, by nf_tables: a machine of today may have no iptables.
static void put_network_lock(struct str *message) {
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/iptables-restore", (int)n, path);
        if (!access(file, X_OK)) return;
    }
    protobuf_put_number(message, CRIU_NETWORK_LOCK, 2);
}

void images_put_folders(const struct images *images, struct str *message) {
    protobuf_put_number(message, CRIU_IMAGES_DIR_FD, images->dir);
    protobuf_put_number(message, CRIU_WORK_DIR_FD, images->work);
}

int images_put_options(const struct images_options *options, const struct spec *spec, const char *log,
                       struct str *message, struct err *err) {
    if (put_cgroups_mode(options->cgroups_mode, message, err) || check_empty(&options->empty_ns, err))
        return -1;
    protobuf_put_number(message, CRIU_LOG_LEVEL, LOG_LEVEL);
    protobuf_put_text(message, CRIU_LOG_FILE, log);
    protobuf_put_number(message, CRIU_NOTIFY_SCRIPTS, 1);
    protobuf_put_number(message, CRIU_ORPHAN_PTS_MASTER, 1);
    // A container's interfaces are its caller's, who makes them by hooks, or gives a namespace by path.
    protobuf_put_number(message, CRIU_EMPTY_NS, CLONE_NEWNET);
    protobuf_put_number(message, CRIU_TCP_ESTABLISHED, options->tcp_established);
    protobuf_put_number(message, CRIU_EXT_UNIX_SK, options->ext_unix_sk);
    protobuf_put_number(message, CRIU_SHELL_JOB, options->shell_job);
    protobuf_put_number(message, CRIU_FILE_LOCKS, options->file_locks);
    protobuf_put_number(message, CRIU_AUTO_DEDUP, options->auto_dedup);
    protobuf_put_number(message, CRIU_LAZY_PAGES, options->lazy_pages);
    put_network_lock(message);
    put_config_file(spec, message);
    return 0;
}

void images_put_pair(struct str *message, unsigned field, const char *key, const char *value) {
    _cleanup_(str_finish) struct str pair = {0};
    protobuf_put_text(&pair, 1, key);
    protobuf_put_text(&pair, 2, value);
    protobuf_put_message(message, field, &pair);
}

void images_put_numbered(struct str *message, unsigned field, const char *key, int number) {
    _cleanup_(str_finish) struct str pair = {0};
    protobuf_put_text(&pair, 1, key);
    protobuf_put_number(&pair, 2, number);
    protobuf_put_message(message, field, &pair);
}

const char *images_mount_name(struct arena *arena, const char *target) {
    char *name = arena_printf(arena, "/%s", target), *to = name;
    for (const char *from = name; *from; from++)
        if (*from != '/' || to == name || to[-1] != '/') *to++ = *from;
    if (to > name + 1 && to[-1] == '/') to--;
    *to = 0;
    return name;
}

const char *images_namespace_key(uint64_t flag) {
    return flag == CLONE_NEWNET ? "extRootNetNS" : flag == CLONE_NEWPID ? "extRootPidNS" : NULL;
}

// The log

// "(00.012345) Error (criu/mount.c:1067): mnt: …": without the time. The last two before the line that only
// says that it all failed: as a rule the cause, and what it came to. Earlier ones may be of something that
// CRIU tried, and does without.
struct log_errors {
    char cause[200], last[200];
};

static void find_errors(char *text, struct log_errors *errors) {
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        char *error = strstr(line, "Error (");
        if (error && str_has_suffix(line, "FAILED.")) return;
        if (!error || strstr(line, ": exited, status")) continue;
        memcpy(errors->cause, errors->last, sizeof errors->cause);
        snprintf(errors->last, sizeof errors->last, "%s", error);
    }
}

static void read_errors(const struct images *images, const char *log, struct log_errors *errors) {
    _cleanup_(fd_closep) int fd = fd_open_at(images->work, log, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    _cleanup_(freep) char *text = xmalloc(LOG_TAIL + 1);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) return;
    ssize_t n = pread(fd, text, LOG_TAIL, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0);
    text[n > 0 ? n : 0] = 0;
    find_errors(text, errors);
}

int images_fail(const struct images *images, const char *log, const struct criu_answer *answer,
                const char *verb, const char *id, struct err *err) {
    struct log_errors errors = {0};
    if (err->kind) return err_wrap(err, "cannot %s container %s", verb, id);
    read_errors(images, log, &errors);
    const char *message = *errors.last         ? errors.last
                          : *answer->message   ? answer->message
                          : !answer->arrived   ? "it ended without an answer"
                          : answer->error != 0 ? strerror(answer->error)
                                               : "it does not say why";
    return err_set(err, ERR_SYSTEM, 0, "cannot %s container %s: criu failed (%s/%s): %s%s%s", verb, id,
                   images->work_path, log, errors.cause, *errors.cause ? "; " : "", message);
}
