// SPDX-License-Identifier: Apache-2.0
#include "shim/log.h"

#include "shim/vector.h"

#include <string.h>

void log_init(struct log *log, const struct plan_block *plan, int file, int folder, int receiver) {
    log_file_init(&log->file, plan, file, folder);
    receiver_init(&log->receiver, plan, receiver);
    log->wanted = log->file.fd >= 0 || log->receiver.present;
}

static inline void put(struct log *log, const struct log_piece *piece) {
    log_file_put(&log->file, piece);
    receiver_put(&log->receiver, piece);
}

// How much of a full buffer becomes a part: not half a character.
static size_t whole_characters(const uint8_t *s, size_t size) {
    for (size_t back = 1; back <= 3 && back < size; back++) {
        uint8_t c = s[size - back];
        if (c < 0x80) break;
        if (c >= 0xc0) return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? size - back : size;
    }
    return size;
}

// Of what is held, so much: a part of a line, or its end.
static void put_held(struct log *log, enum log_stream stream, size_t size, bool ends, int64_t wall_ns) {
    struct log_line *line = &log->lines[stream];
    bool is_part = line->part || !ends;
    if (is_part && !line->part++) line->wall_ns = wall_ns;
    put(log, &(struct log_piece){.stream = stream,
                                 .text = line->bytes,
                                 .size = size,
                                 .ends = ends,
                                 .part = is_part ? line->part : 0,
                                 .wall_ns = is_part ? line->wall_ns : wall_ns});
    line->used -= size;
    memmove(line->bytes, line->bytes + size, line->used);
    if (ends) line->part = 0;
}

// A piece without its end: kept until the rest comes.
static void hold(struct log *log, enum log_stream stream, const uint8_t *s, size_t size, int64_t wall_ns) {
    struct log_line *line = &log->lines[stream];
    while (size) {
        size_t n = size < LOG_LINE - line->used ? size : LOG_LINE - line->used;
        memcpy(line->bytes + line->used, s, n);
        line->used += n, s += n, size -= n;
        if (line->used == LOG_LINE)
            put_held(log, stream, whole_characters(line->bytes, LOG_LINE), false, wall_ns);
    }
}

void log_add(struct log *log, enum log_stream stream, const void *bytes, size_t size, int64_t wall_ns) {
    struct log_line *line = &log->lines[stream];
    struct log_piece piece = {.stream = stream, .ends = true, .wall_ns = wall_ns};
    const uint8_t *s = bytes, *end = s + size;
    if (!log->wanted) return;
    while (s < end) {
        const uint8_t *newline = vector_newline(s, (size_t)(end - s));
        size_t n = (size_t)((newline ? newline : end) - s);
        if (newline && !line->used && !line->part && n < LOG_LINE) {
            piece.text = s, piece.size = n;
            put(log, &piece);
        } else {
            hold(log, stream, s, n, wall_ns);
            if (newline) put_held(log, stream, line->used, true, wall_ns);
        }
        s += n + 1;
    }
    log_file_flush(&log->file, wall_ns);
}

void log_end(struct log *log, enum log_stream stream, int64_t wall_ns) {
    struct log_line *line = &log->lines[stream];
    if (!log->wanted) return;
    if (line->used) put_held(log, stream, line->used, false, wall_ns);
    line->part = 0;
    log_file_flush(&log->file, wall_ns);
    receiver_end(&log->receiver);
}
