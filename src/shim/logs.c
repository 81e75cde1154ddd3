// SPDX-License-Identifier: Apache-2.0
// A file is read in blocks, cut into entries (logs_entry.h), and what is wanted of these is written. The tail
// is found from the end, by reading backwards; only a compressed file, and a damaged one, has to be gone
// through for that.
#include "shim/logs.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "shim/logs_files.h"
#include "shim/protocol.h"
#include "shim/queue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_MAX (256u << 10) // no entry of ours is longer

struct logs {
    const struct logs_source *source;
    const struct logs_options *options;
    struct logs_files files;
    int watch, ended;
    int outputs[2];
    bool mid_line[2]; // the last text of this stream had no newline yet
    bool over;        // past --until, or nobody reads
    off_t stop;       // of the newest file, where it ended when it was looked at; -1: it is followed
    int64_t skip;     // so many lines are passed over
    bool counting;    // nothing is printed
    int64_t lines;    // counted
    size_t size;      // of the entry that is being collected
    bool skipping;    // it is too long, or lengths have lost their meaning
    uint64_t damaged; // entries of this file
    int target;       // which output the waiting bytes are for
    size_t waiting;
    struct str words; // of one entry: time, details
    struct queue frames;
    struct err *err;
};

static char entry_bytes[ENTRY_MAX + 16], output[65536], block[65536];
static uint8_t frame_bytes[sizeof(struct shim_frame) + SHIM_FRAME_MAX];

// Output

static int flush(struct logs *logs) {
    size_t size = logs->waiting;
    logs->waiting = 0;
    int r = fd_write_all(logs->outputs[logs->target], output, size);
    if (r == -EPIPE) return logs->over = true, 0;
    return r ? err_set(logs->err, ERR_SYSTEM, -r, "cannot write the log's lines") : 0;
}

static int put(struct logs *logs, int target, const char *bytes, size_t size) {
    if (logs->target != target && flush(logs)) return -1;
    logs->target = target;
    while (size) {
        size_t n = sizeof output - logs->waiting;
        if (n > size) n = size;
        memcpy(output + logs->waiting, bytes, n);
        logs->waiting += n, bytes += n, size -= n;
        if (logs->waiting == sizeof output && flush(logs)) return -1;
    }
    return 0;
}

static int say(struct logs *logs, const char *text) {
    if (flush(logs)) return -1;
    dprintf(logs->outputs[1], "hoy: log %s: %s\n", logs->source->name, text);
    return 0;
}

static int say_damage(struct logs *logs) {
    char text[128];
    uint64_t damaged = logs->damaged;
    logs->damaged = 0;
    if (!damaged || logs->counting) return 0;
    snprintf(text, sizeof text, "%llu %s passed over: damaged, or cut short", (unsigned long long)damaged,
             damaged == 1 ? "entry is" : "entries are");
    return say(logs, text);
}

// Entries

// Whether it is to be shown; what comes after --until ends everything.
static bool wanted(struct logs *logs, const struct logs_entry *entry) {
    const struct logs_options *o = logs->options;
    int64_t time;
    if (logs->counting || logs->skip) {
        if (entry->ends && logs->counting) logs->lines++;
        if (entry->ends && !logs->counting) logs->skip--;
        return false;
    }
    if (!o->since_ns && !o->until_ns) return true;
    if (logs_entry_ns(entry, &time) || (o->since_ns && time < o->since_ns)) return false;
    if (o->until_ns && time > o->until_ns) return logs->over = true, false;
    return true;
}

// In the middle of a line nothing is put before a text.
static int put_words(struct logs *logs, int target, const struct logs_entry *entry) {
    const struct logs_options *o = logs->options;
    if (logs->mid_line[target] || !(o->timestamps || o->details)) return 0;
    logs->words.len = 0;
    if (o->timestamps) {
        logs_entry_time(entry, &logs->words);
        str_add_char(&logs->words, ' ');
    }
    if (o->details) {
        logs_entry_details(entry, &logs->words);
        str_add_char(&logs->words, ' ');
    }
    return put(logs, target, logs->words.data, logs->words.len);
}

static int print_entry(struct logs *logs, const struct logs_entry *entry) {
    int target = entry->is_stderr;
    if (!wanted(logs, entry)) return 0;
    if ((target ? logs->options->no_stderr : logs->options->no_stdout) || !(entry->size || entry->ends))
        return 0;
    if (put_words(logs, target, entry) || put(logs, target, entry->text, entry->size)) return -1;
    logs->mid_line[target] = !entry->ends;
    return entry->ends ? put(logs, target, "\n", 1) : 0;
}

static int end_line(struct logs *logs) {
    struct logs_entry entry;
    bool whole = !logs->skipping && logs_scan_json(entry_bytes, logs->size, &entry);
    bool torn = whole && entry.text != entry_bytes + 8; // something stood before it
    logs->damaged += !whole || torn;
    logs->size = 0;
    logs->skipping = false;
    return whole ? print_entry(logs, &entry) : 0;
}

static int take_lines(struct logs *logs, const char *s, size_t size) {
    for (const char *end = s + size; s < end && !logs->over;) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((newline ? newline : end) - s);
        if (logs->size + n > ENTRY_MAX) logs->skipping = true;
        if (!logs->skipping) memcpy(entry_bytes + logs->size, s, n), logs->size += n;
        if (newline && end_line(logs)) return -1;
        s += n + (newline ? 1 : 0);
    }
    return 0;
}

// How many bytes the entry that is being collected has as far as it is known.
static size_t frame_size(const struct logs *logs) {
    return logs->size < LOGS_LOCAL_LENGTH ? LOGS_LOCAL_LENGTH
                                          : logs_local_length(entry_bytes) + 2 * LOGS_LOCAL_LENGTH;
}

static int end_frame(struct logs *logs) {
    struct logs_entry entry;
    size_t length = logs_local_length(entry_bytes);
    bool whole = logs_local_length(entry_bytes + LOGS_LOCAL_LENGTH + length) == length &&
                 logs_scan_local(entry_bytes + LOGS_LOCAL_LENGTH, length, &entry);
    logs->size = 0;
    if (whole) return print_entry(logs, &entry);
    // Nothing says where the next one begins.
    logs->skipping = true;
    logs->damaged++;
    return 0;
}

static int take_frames(struct logs *logs, const char *s, size_t size) {
    while (size && !logs->over && !logs->skipping) {
        size_t whole = frame_size(logs), n = whole - logs->size < size ? whole - logs->size : size;
        memcpy(entry_bytes + logs->size, s, n);
        logs->size += n, s += n, size -= n;
        if (logs->size < whole) break;
        whole = frame_size(logs);
        if (whole > ENTRY_MAX) logs->skipping = true, logs->damaged++;
        if (logs->size == whole && end_frame(logs)) return -1;
    }
    return 0;
}

// Files

// All that a descriptor has now, up to a place of it if that is not -1.
static int read_to(struct logs *logs, int fd, off_t stop) {
    off_t at = stop < 0 ? 0 : lseek(fd, 0, SEEK_CUR);
    while (!logs->over) {
        size_t size =
            stop >= 0 && stop - at < (off_t)sizeof block ? (size_t)(stop > at ? stop - at : 0) : sizeof block;
        ssize_t n = read(fd, block, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(logs->err, ERR_SYSTEM, errno, "cannot read the container's log");
        if (n == 0) break;
        at += n;
        if ((logs->source->local ? take_frames : take_lines)(logs, block, (size_t)n)) return -1;
    }
    return flush(logs);
}

static int read_on(struct logs *logs, int fd) {
    return read_to(logs, fd, -1);
}

static void begin_file(struct logs *logs) {
    logs->size = 0;
    logs->skipping = false;
}

// A rotated file ends with a whole entry.
static int end_file(struct logs *logs) {
    if (logs->size && !logs->over) logs->damaged++;
    begin_file(logs);
    return say_damage(logs);
}

static int read_compressed(struct logs *logs, int file) {
    const struct logs_source *source = logs->source;
    if (!source->begin) return say(logs, "a compressed file is passed over");
    int fd = source->begin(source->data, file, logs->err);
    if (fd < 0) return -1;
    int r = read_on(logs, fd);
    struct err why;
    // What came out of it before it was found to be damaged is good.
    if (source->end(source->data, &why) && !r && !logs->over && !logs->counting) r = say(logs, why.text);
    return r;
}

static int read_file(struct logs *logs, struct logs_file *file, off_t from) {
    begin_file(logs);
    if (lseek(file->fd, from, SEEK_SET) < 0)
        return err_set(logs->err, ERR_SYSTEM, errno, "cannot read the container's log");
    int r = file->compressed ? read_compressed(logs, file->fd)
                             : read_to(logs, file->fd, file->number ? -1 : logs->stop);
    if (r || !file->number) return r;
    return end_file(logs);
}

// The tail

// How many lines a file has, by going through it.
static int count_lines(struct logs *logs, struct logs_file *file, int64_t *ret_lines) {
    logs->counting = true;
    logs->lines = 0;
    int r = read_file(logs, file, 0);
    logs->counting = false;
    logs->damaged = 0;
    begin_file(logs);
    *ret_lines = logs->lines;
    return r;
}

// Where the last lines begin: in which file (one past the oldest: before everything), and where in it.
static int find_tail(struct logs *logs, size_t *ret_file, off_t *ret_from) {
    int64_t left = logs->options->tail;
    *ret_from = 0;
    for (size_t i = 0; i < logs->files.count; i++) {
        struct logs_file *file = &logs->files.items[i];
        int64_t lines = 0;
        *ret_file = i;
        if (!file->compressed &&
            logs_file_tail(file->fd, logs->source->local, i == 0, left, ret_from, &lines)) {
            if (lines >= left) return 0;
            left -= lines;
            continue;
        }
        if (count_lines(logs, file, &lines)) return -1;
        if (lines >= left) return logs->skip = lines - left, 0;
        left -= lines;
    }
    *ret_from = 0;
    return 0;
}

static int read_all(struct logs *logs) {
    size_t first = logs->files.count - 1;
    off_t from = 0;
    int newest = logs->files.items[0].fd;
    if (logs->options->tail < 0)
        (void)lseek(newest, 0, SEEK_END);
    else if (find_tail(logs, &first, &from))
        return -1;
    // Where that was looked at: somebody may write as fast as we read.
    if (!logs->options->follow) logs->stop = lseek(newest, 0, SEEK_CUR);
    for (size_t i = first + 1; i && !logs->over; i--) {
        if (i <= first && logs->files.items[i].number != logs->files.items[i - 1].number + 1 &&
            say(logs, "a rotated file is missing"))
            return -1;
        if (read_file(logs, &logs->files.items[i - 1], i == first + 1 ? from : 0)) return -1;
    }
    return 0;
}

// Following

// Whether the container has ended. The shim's frames are looked at and thrown away.
static bool has_ended(struct logs *logs) {
    uint8_t *tail = queue_tail(&logs->frames);
    ssize_t n = recv(logs->ended, tail, queue_space(&logs->frames), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) return true;
    logs->frames.end += (size_t)n;
    for (struct shim_frame head; queue_used(&logs->frames) >= sizeof head;) {
        memcpy(&head, queue_head(&logs->frames), sizeof head);
        if (head.type == SHIM_EXITED || head.size > SHIM_FRAME_MAX) return true;
        if (queue_used(&logs->frames) < sizeof head + head.size) break;
        queue_drop(&logs->frames, sizeof head + head.size);
    }
    return false;
}

static int wait_ms(const struct logs_options *options) {
    if (!options->until_ns) return -1;
    int64_t left = (options->until_ns - clock_wall_ns()) / 1000000 + 1;
    return left < 0 ? 0 : left > 86400000 ? 86400000 : (int)left;
}

// True when the log may have grown; false at the end.
static bool wait_more(struct logs *logs) {
    char events[4096];
    struct pollfd polls[] = {
        {.fd = logs->watch, .events = POLLIN},
        {.fd = logs->ended, .events = POLLIN},
        {.fd = logs->outputs[0], .events = 0}, // tells when its reader goes
    };
    int n = poll(polls, ARRAY_SIZE(polls), wait_ms(logs->options));
    if (n < 0) return true;
    if (polls[2].revents & (POLLERR | POLLNVAL)) return logs->over = true, false;
    if (polls[0].revents) (void)!read(logs->watch, events, sizeof events);
    if (logs->options->until_ns && clock_wall_ns() > logs->options->until_ns) return false;
    return !(polls[1].revents && has_ended(logs));
}

// The file that we read may have become a rotated one, or empty again. Then its rest is read, what was
// rotated after it, and the one that is written now.
static int turn(struct logs *logs) {
    struct logs_file *current = &logs->files.items[0];
    struct stat ours, now;
    // In this order: the time of ours is the one that it keeps as a rotated one.
    if (fstatat(logs->source->folder, logs->source->name, &now, 0) || fstat(current->fd, &ours)) return 0;
    if (ours.st_ino == now.st_ino && ours.st_dev == now.st_dev) {
        if (lseek(current->fd, 0, SEEK_CUR) <= now.st_size) return 0;
        return end_file(logs) || read_file(logs, current, 0) ? -1 : 0;
    }
    if (read_on(logs, current->fd) || end_file(logs)) return -1;
    _cleanup_(logs_files_finish) struct logs_files later = {0};
    bool found = false;
    if (logs_files_after(logs->source, &ours, &later, &found, logs->err)) return -1;
    if (!found && say(logs, "a part was rotated away before it was read")) return -1;
    for (size_t i = later.count; i && !logs->over; i--)
        if (read_file(logs, &later.items[i - 1], 0)) return -1;
    if (later.count) {
        fd_closep(&current->fd);
        current->fd = take_fd(&later.items[0].fd);
    }
    return 0;
}

static int follow(struct logs *logs) {
    struct {
        struct shim_frame head;
        struct shim_hello hello;
    } quiet = {.head = {.type = SHIM_HELLO, .size = sizeof quiet.hello}};
    (void)send(logs->ended, &quiet, sizeof quiet, MSG_NOSIGNAL);
    bool more = true;
    while (more && !logs->over) {
        more = wait_more(logs);
        if (turn(logs) || read_on(logs, logs->files.items[0].fd) || say_damage(logs)) return -1;
    }
    return 0;
}

static void watchp(struct logs *logs) {
    fd_closep(&logs->watch);
    logs_files_finish(&logs->files);
    str_finish(&logs->words);
}

// The folder of the file: that is where a rotation is seen.
static int watch(struct logs *logs) {
    char path[512];
    const char *slash = strrchr(logs->source->name, '/');
    int n = slash ? (int)(slash - logs->source->name) : 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d/%.*s", logs->source->folder, n, logs->source->name);
    logs->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (logs->watch < 0 || inotify_add_watch(logs->watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_set(logs->err, ERR_SYSTEM, errno, "cannot watch the container's log");
    return 0;
}

int logs_print(const struct logs_source *source, const struct logs_options *options, int out, int err_out,
               int ended, struct err *err) {
    _cleanup_(watchp) struct logs logs = {
        .source = source,
        .options = options,
        .watch = -1,
        .stop = -1,
        .ended = ended,
        .outputs = {out, err_out},
        .frames = {.bytes = frame_bytes, .size = sizeof frame_bytes},
        .err = err,
    };
    bool following = options->follow && ended >= 0;
    if (following && watch(&logs)) return -1;
    if (logs_files_open(source, &logs.files, err)) return -1;
    if (!logs.files.count) return 0;
    if (read_all(&logs) || say_damage(&logs)) return -1;
    return following ? follow(&logs) : 0;
}
