// SPDX-License-Identifier: Apache-2.0
#include "shim/log_file.h"

#include "base/fd.h"
#include "base/macro.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROTATE_LATER  (64u << 10) // when it could not be: after so many bytes more
#define ROTATED_WORDS 16
#define NOTICE_MAX    256

void log_file_init(struct log_file *file, const struct plan_block *plan, int fd, int folder) {
    const struct plan_log *log = &plan->log;
    struct stat st;
    file->fd = log->file == PLAN_LOG_NO_FILE ? -1 : fd;
    file->folder = folder;
    if (file->fd < 0) return;
    file->local = log->file == PLAN_LOG_LOCAL;
    file->name = plan_text(plan, log->name);
    file->size = fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
    file->plan = plan;
    size_t size = log->fixed.size < LOG_FIXED_MAX ? log->fixed.size : 0;
    file->json.attributes = file->form.attributes = plan_data(plan, log->fixed);
    file->json.attributes_size = file->form.attributes_size = size;
}

// Entries

static char *entry_put(struct log_file *file, const struct log_piece *piece, char *to) {
    return file->local ? log_local_put(&file->form, piece, to) : log_json_put(&file->json, piece, to);
}

// Where the entry that begins at `at` ends.
static size_t entry_end(const struct log_file *file, size_t at) {
    const uint8_t *s = (const uint8_t *)file->out + at;
    if (file->local) return at + 8 + ((size_t)s[0] << 24 | (size_t)s[1] << 16 | (size_t)s[2] << 8 | s[3]);
    const char *newline = memchr(s, '\n', file->used - at);
    return newline ? (size_t)(newline + 1 - file->out) : file->used;
}

// Who sees to rotated files

static bool helper_runs(struct log_file *file) {
    siginfo_t info;
    return file->helper > 0 && !waitid(P_PID, (id_t)file->helper, &info, WEXITED | WNOHANG | WNOWAIT) &&
           !info.si_pid;
}

// One at a time, however fast it goes.
static void tell(struct log_file *file) {
    const char *argv[ROTATED_WORDS + 1];
    char *environment[] = {NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    const struct plan_log *log = &file->plan->log;
    if (!log->tells || !log->rotated.count || log->rotated.count > ROTATED_WORDS) return;
    file->again = helper_runs(file);
    if (file->again) return;
    plan_list_get(file->plan, log->rotated, argv);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    if (posix_spawn(&file->helper, argv[0], NULL, &attributes, (char *const *)argv, environment))
        file->helper = 0;
    posix_spawnattr_destroy(&attributes);
}

// Writing

static size_t write_some(struct log_file *file, const char *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(file->fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            file->lost_error = n < 0 ? errno : ENOSPC;
            break;
        }
        done += (size_t)n;
    }
    file->size += done;
    return done;
}

// A torn entry would hide the one after it.
static void take_back(struct log_file *file, size_t torn) {
    if (torn && (file->size < torn || ftruncate(file->fd, (off_t)(file->size - torn)))) fd_closep(&file->fd);
    file->size -= torn;
}

// Says what is missing, once there is room. False: there is none.
static bool say_lost(struct log_file *file, int64_t wall_ns) {
    char text[NOTICE_MAX], entry[NOTICE_MAX * 6 + LOG_FIXED_MAX];
    int n = snprintf(text, sizeof text, "hoy: %llu lines of output are missing here: %s",
                     (unsigned long long)file->lost, strerror(file->lost_error));
    struct log_piece notice = {
        .stream = LOG_STDERR, .text = (uint8_t *)text, .size = (size_t)n, .ends = true, .wall_ns = wall_ns};
    size_t size = (size_t)(entry_put(file, &notice, entry) - entry), done = write_some(file, entry, size);
    if (done == size)
        file->lost = 0;
    else
        take_back(file, done);
    return done == size;
}

void log_file_flush(struct log_file *file, int64_t wall_ns) {
    if (file->fd < 0) return;
    size_t done = 0, whole = 0;
    if (!file->lost || say_lost(file, wall_ns)) done = write_some(file, file->out, file->used);
    if (done < file->used) {
        for (size_t end; (end = entry_end(file, whole)) <= done; whole = end) {}
        take_back(file, done - whole);
        for (size_t at = whole; at < file->used; at = entry_end(file, at)) file->lost++;
    }
    file->used = 0;
    if (file->again) tell(file);
}

// Rotation

static const char *name_of(const struct log_file *file, uint32_t number, const char *suffix,
                           char text[static NAME_MAX + 1]) {
    snprintf(text, NAME_MAX + 1, number ? "%s.%u%s" : "%s", file->name, number, suffix);
    return text;
}

static void move_up(struct log_file *file, uint32_t number, uint32_t most) {
    static const char *const suffixes[] = {"", ".gz"};
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        name_of(file, number - 1, suffixes[i], from);
        name_of(file, number, suffixes[i], to);
        if (number == most)
            (void)unlinkat(file->folder, from, 0);
        else
            (void)renameat(file->folder, from, file->folder, to);
    }
}

// The new file is there before the old one is let go. The old one's time is its own, even where the
// filesystem's clock is slow: a reader knows it again by that.
static int replace(struct log_file *file) {
    char first[NAME_MAX + 1];
    struct timespec times[2];
    name_of(file, 1, "", first);
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[0] = times[1];
    (void)futimens(file->fd, times);
    if (renameat(file->folder, file->name, file->folder, first) && errno != ENOENT) return -errno;
    int fd = fd_open_at(file->folder, file->name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640);
    if (fd < 0) return (void)renameat(file->folder, first, file->folder, file->name), fd;
    fd_closep(&file->fd);
    file->fd = fd;
    return 0;
}

// 0, or why not now.
static int move_all(struct log_file *file, uint32_t most) {
    if (flock(file->folder, LOCK_EX | LOCK_NB)) return -errno;
    for (uint32_t i = most; i > 1; i--) move_up(file, i, most);
    int r = replace(file);
    flock(file->folder, LOCK_UN);
    return r;
}

static void rotate(struct log_file *file, int64_t wall_ns) {
    log_file_flush(file, wall_ns);
    uint32_t most = file->plan->log.max_files;
    int r = file->fd < 0 ? -EBADF : most > 1 ? move_all(file, most) : ftruncate(file->fd, 0) ? -errno : 0;
    if (r == -EWOULDBLOCK) return; // whoever has the lock has it for a moment
    if (r) {
        file->later += ROTATE_LATER;
        return;
    }
    file->size = file->later = 0;
    if (most > 1) tell(file);
}

static bool is_full(const struct log_file *file) {
    uint64_t most = file->plan->log.max_bytes;
    return most && file->size + file->used >= most + file->later;
}

void log_file_put(struct log_file *file, const struct log_piece *piece) {
    size_t most = file->local ? LOG_LOCAL_ENTRY : piece->size * 6 + file->json.attributes_size + 256;
    if (file->fd < 0) return;
    if (is_full(file)) rotate(file, piece->wall_ns);
    if (file->used + most > sizeof file->out) log_file_flush(file, piece->wall_ns);
    file->used = (size_t)(entry_put(file, piece, file->out + file->used) - file->out);
}
