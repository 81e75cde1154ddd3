// SPDX-License-Identifier: Apache-2.0
// The file is read in blocks, cut at newlines, and each line scanned by hand: Docker writes one fixed form.
// In a text every quote has a backslash before it, so `{"log":"` can only be where an entry begins: what a
// crash left before it in the same line is passed over.
#include "shim/logs.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "shim/protocol.h"
#include "shim/queue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES (256u << 10) // no entry of ours is longer
#define BEGIN          "{\"log\":\""
#define TAIL_BLOCK     65536
#define TAIL_LOOK      128 // how far before its end an entry says whether its text ends with a newline

struct logs {
    const struct logs_options *options;
    int file, watch, ended;
    int outputs[2];
    bool mid_line[2]; // the last text of this stream had no newline yet
    bool over;        // past --until, or nobody reads
    size_t size;      // of the line that is being collected
    bool skipping;    // it is too long
    int target;       // which output the waiting bytes are for
    size_t waiting;
    struct queue frames;
    struct err *err;
};

static char line[LINE_MAX_BYTES + 1], output[65536], block[TAIL_BLOCK + TAIL_LOOK];
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

// Always nine digits, so that lines stay in columns.
static int put_time(struct logs *logs, int target, const char *time) {
    char text[48];
    int seconds = (int)strcspn(time, ".Z+");
    const char *fraction = time[seconds] == '.' ? time + seconds + 1 : "";
    int digits = (int)strspn(fraction, "0123456789");
    const char *zone = *fraction ? fraction + digits : time + seconds;
    int n = snprintf(text, sizeof text, "%.*s.%.*s%.*s%s ", seconds, time, digits < 9 ? digits : 9, fraction,
                     digits < 9 ? 9 - digits : 0, "000000000", zone);
    return n > 0 && (size_t)n < sizeof text ? put(logs, target, text, (size_t)n) : 0;
}

// Scanning

static bool take_hex(const char *s, uint32_t *ret_value) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (digit < 0) return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

static char *put_utf8(char *to, uint32_t c) {
    if (c < 0x80) return *to = (char)c, to + 1;
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd; // halves of pairs stand for nothing; we write none
    if (c >= 0x800)
        *to++ = (char)(0xe0 | c >> 12), *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    else
        *to++ = (char)(0xc0 | c >> 6);
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

// One escape behind its backslash. Yields where the text goes on, or NULL.
static const char *take_escape(const char *s, const char *end, char **to) {
    static const char from[] = "\"\\/nrtbf", into[] = "\"\\/\n\r\t\b\f";
    const char *simple;
    uint32_t c;
    if (s == end) return NULL;
    if (*s == 'u') {
        if (end - s < 5 || !take_hex(s + 1, &c)) return NULL;
        *to = put_utf8(*to, c);
        return s + 5;
    }
    simple = *s ? strchr(from, *s) : NULL;
    if (!simple) return NULL;
    *(*to)++ = into[simple - from];
    return s + 1;
}

// A string up to its closing quote, unescaped where it stands (it never grows). Yields what comes after the
// quote, or NULL.
static char *take_string(char *s, char *end, char **ret_text, size_t *ret_size) {
    char *to = s, *from = s;
    while (from < end && *from != '"') {
        char *special = from;
        while (special < end && *special != '"' && *special != '\\') special++;
        memmove(to, from, (size_t)(special - from));
        to += special - from;
        from = special;
        if (from == end || *from == '"') break;
        from = (char *)take_escape(from + 1, end, &to);
        if (!from) return NULL;
    }
    if (from >= end) return NULL;
    *ret_text = s;
    *ret_size = (size_t)(to - s);
    return from + 1;
}

static char *skip(char *s, const char *end, const char *word) {
    size_t n = strlen(word);
    return s && (size_t)(end - s) >= n && !memcmp(s, word, n) ? s + n : NULL;
}

static bool scan_entry(char *s, char *end, struct logs_entry *ret_entry) {
    char *text, *stream, *time;
    size_t size, stream_size, time_size;
    s = skip(s, end, BEGIN);
    if (!s || !(s = take_string(s, end, &text, &size))) return false;
    if (!(s = skip(s, end, ",\"stream\":\"")) || !(s = take_string(s, end, &stream, &stream_size)))
        return false;
    // What Docker may have between: attributes, as one object.
    char *found = memmem(s, (size_t)(end - s), ",\"time\":\"", 9);
    if (!(s = found ? found + 9 : NULL) || !(s = take_string(s, end, &time, &time_size))) return false;
    if (s != end - 1 || *s != '}') return false;
    time[time_size] = 0;
    *ret_entry = (struct logs_entry){.text = text,
                                     .size = size,
                                     .is_stderr = stream_size == 6 && !memcmp(stream, "stderr", 6),
                                     .time = time};
    return true;
}

bool logs_scan(char *s, size_t size, struct logs_entry *ret_entry) {
    char *end = s + size;
    // Several beginnings: the last one is whole if any is.
    for (char *next; (next = memmem(s + 1, size ? size - 1 : 0, BEGIN, strlen(BEGIN)));)
        size -= (size_t)(next - s), s = next;
    return size && scan_entry(s, end, ret_entry);
}

// Lines

static int print_entry(struct logs *logs, const struct logs_entry *entry) {
    const struct logs_options *o = logs->options;
    int target = entry->is_stderr;
    int64_t time;
    if (o->since_ns || o->until_ns) {
        if (clock_parse_rfc3339(entry->time, &time)) return 0;
        if (o->since_ns && time < o->since_ns) return 0;
        if (o->until_ns && time > o->until_ns) return logs->over = true, 0;
    }
    if ((target ? o->no_stderr : o->no_stdout) || !entry->size) return 0;
    if (o->timestamps && !logs->mid_line[target] && put_time(logs, target, entry->time)) return -1;
    logs->mid_line[target] = entry->text[entry->size - 1] != '\n';
    return put(logs, target, entry->text, entry->size);
}

static int end_line(struct logs *logs) {
    struct logs_entry entry;
    bool whole = !logs->skipping && logs_scan(line, logs->size, &entry);
    logs->size = 0;
    logs->skipping = false;
    return whole ? print_entry(logs, &entry) : 0;
}

static int take_block(struct logs *logs, const char *s, size_t size) {
    for (const char *end = s + size; s < end && !logs->over;) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((newline ? newline : end) - s);
        if (logs->size + n > LINE_MAX_BYTES) logs->skipping = true;
        if (!logs->skipping) memcpy(line + logs->size, s, n), logs->size += n;
        if (newline && end_line(logs)) return -1;
        s += n + (newline ? 1 : 0);
    }
    return 0;
}

// All that the file has now.
static int read_on(struct logs *logs) {
    while (!logs->over) {
        ssize_t n = read(logs->file, block, TAIL_BLOCK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(logs->err, ERR_SYSTEM, errno, "cannot read the container's log");
        if (n == 0) break;
        if (take_block(logs, block, (size_t)n)) return -1;
    }
    return flush(logs);
}

// The end of the file

// Whether the entry that ends at position i of the block ends a line of output, and is not a piece of one.
static bool ends_line(size_t i) {
    size_t look = i < TAIL_LOOK ? i : TAIL_LOOK;
    return memmem(block + i - look, look, "\\n\",\"stream\":\"", 13);
}

// Where the last `tail` lines begin, read backwards from the end.
static off_t find_tail(int file, int64_t tail) {
    off_t end = lseek(file, 0, SEEK_END);
    int64_t lines = 0;
    bool last = true; // an unfinished last line counts
    if (tail <= 0) return tail ? 0 : end;
    for (off_t at = end; at > 0;) {
        off_t start = at > TAIL_BLOCK ? at - TAIL_BLOCK : 0, from = start > TAIL_LOOK ? start - TAIL_LOOK : 0;
        ssize_t n = pread(file, block, (size_t)(at - from), from);
        if (n != at - from) return 0; // it was cut meanwhile
        for (off_t p = at - 1; p >= start; p--) {
            size_t i = (size_t)(p - from);
            if (block[i] != '\n') continue;
            bool ends = ends_line(i);
            if (ends || last) lines += ends || last;
            if (lines > tail && ends) return p + 1;
            last = false;
        }
        at = start;
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

static int follow(struct logs *logs) {
    struct {
        struct shim_frame head;
        struct shim_hello hello;
    } quiet = {.head = {.type = SHIM_HELLO, .size = sizeof quiet.hello}};
    (void)send(logs->ended, &quiet, sizeof quiet, MSG_NOSIGNAL);
    bool more = true;
    while (more && !logs->over) {
        more = wait_more(logs);
        if (read_on(logs)) return -1;
    }
    return 0;
}

int logs_print(const char *path, const struct logs_options *options, int out, int err_out, int ended,
               struct err *err) {
    _cleanup_(fd_closep) int file = fd_open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
    if (file == -ENOENT) return 0;
    if (file < 0) return err_set(err, ERR_SYSTEM, -file, "cannot open the container's log %s", path);
    bool following = options->follow && ended >= 0;
    _cleanup_(fd_closep) int watch = following ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    if (following && (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0))
        return err_set(err, ERR_SYSTEM, errno, "cannot watch the container's log");
    struct logs logs = {
        .options = options,
        .file = file,
        .watch = watch,
        .ended = ended,
        .outputs = {out, err_out},
        .frames = {.bytes = frame_bytes, .size = sizeof frame_bytes},
        .err = err,
    };
    if (lseek(file, find_tail(file, options->tail), SEEK_SET) < 0 || read_on(&logs)) return -1;
    return following ? follow(&logs) : 0;
}
