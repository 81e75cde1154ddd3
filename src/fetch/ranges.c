// SPDX-License-Identifier: Apache-2.0
#include "fetch/ranges.h"

#include "base/clock.h"
#include "fetch/pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STARTS_MAX     3 // of a blob: it may go wrong for a reason that passes
#define SEGMENT_MIN    (1u << 20)
#define SEGMENT_MAX    (8u << 20)
#define SEGMENTS       (2 * CONNECTIONS)
#define FAST           100000000ul // bytes in a second, of one connection: then it is not the connection
#define CONNECTIONS    (RANGES_SPARE + 1)
#define WINDOW         (CONNECTIONS + 1) // segments in memory
#define NS_IN_A_SECOND 1000000000ull

struct segment {
    unsigned char *bytes;
    uint64_t start;
    size_t size, filled;
    bool failed;
};

struct fetcher {
    struct ranges *ranges;
    struct http *http;
    pthread_t thread;
};

struct ranges {
    struct registry *registry;
    const struct descriptor *blob;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct segment window[WINDOW]; // segment n is in window[n % WINDOW]
    uint64_t start;                // of the first
    size_t segment_size;
    size_t begun, delivered; // segments
    bool closed;             // no other is begun
    atomic_bool cancelled;   // those that are begun end
    struct fetcher fetchers[CONNECTIONS];
    size_t fetcher_count, spare;  // how many; of them the pool's
    atomic_uint_least64_t *ahead; // struct registry_sink
};

// A blob on its way through here.
struct reader {
    struct ranges_pool *pool;
    struct registry *registry;
    struct http *http;
    const struct descriptor *blob;
    const struct registry_sink *sink;
    uint64_t position;
    unsigned starts;
    bool in_parts;         // some came from others than the first connection
    struct ranges *ranges; // while there is more than one connection
    bool handed_over;      // the first connection came to where the segments begin
    uint64_t since_ns, inside_ns,
        bytes; // the pace: since when, how long of it was spent behind the sink, bytes
};

// Fetchers

// The next segment to fetch, when there is room for it; NULL at the end.
static struct segment *segment_begin(struct ranges *r) {
    struct segment *segment = NULL;
    pthread_mutex_lock(&r->lock);
    while (!r->closed && r->begun - r->delivered == WINDOW) pthread_cond_wait(&r->changed, &r->lock);
    uint64_t start = r->start + r->begun * r->segment_size;
    if (!r->closed && start < r->blob->size) {
        uint64_t left = r->blob->size - start;
        segment = &r->window[r->begun++ % WINDOW];
        segment->start = start;
        segment->size = left < r->segment_size ? (size_t)left : r->segment_size;
        segment->filled = 0;
        segment->failed = false;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return segment;
}

struct filling {
    struct ranges *ranges;
    struct segment *segment;
};

static int on_part(const void *bytes, size_t size, void *data, struct err *err) {
    const struct filling *f = data;
    (void)err; // there are never more than were asked for
    memcpy(f->segment->bytes + f->segment->filled, bytes, size);
    pthread_mutex_lock(&f->ranges->lock);
    f->segment->filled += size;
    if (f->ranges->ahead) *f->ranges->ahead += size;
    pthread_cond_broadcast(&f->ranges->changed);
    pthread_mutex_unlock(&f->ranges->lock);
    return 0;
}

static void segment_fail(struct ranges *r, struct segment *segment) {
    pthread_mutex_lock(&r->lock);
    segment->failed = r->closed = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void *fetch_main(void *data) {
    struct fetcher *fetcher = data;
    struct ranges *r = fetcher->ranges;
    for (struct segment *segment; (segment = segment_begin(r));) {
        struct filling filling = {r, segment};
        const struct registry_sink sink = {on_part, &filling, .have = segment->start};
        struct err ignored; // another way is tried, which says what is wrong
        if (registry_blob_part(r->registry, fetcher->http, r->blob, segment->start + segment->size, &sink,
                               &ignored))
            segment_fail(r, segment);
    }
    return NULL;
}

// Begin and end

static int fetcher_add(struct ranges *r, const struct ranges_pool *pool) {
    struct fetcher *fetcher = &r->fetchers[r->fetcher_count];
    struct http_options options = pool->options;
    struct err ignored;
    options.cancelled = &r->cancelled;
    *fetcher = (struct fetcher){.ranges = r};
    if (http_new(&options, &fetcher->http, &ignored)) return -1;
    if (pthread_create(&fetcher->thread, NULL, fetch_main, fetcher)) {
        http_freep(&fetcher->http);
        return -1;
    }
    r->fetcher_count++;
    return 0;
}

static bool spare_take(struct ranges_pool *pool) {
    if (atomic_fetch_sub(&pool->spare, 1) > 0) return true;
    atomic_fetch_add(&pool->spare, 1);
    return false;
}

// Ends the fetchers, wherever they are.
static void ranges_end(struct reader *reader) {
    struct ranges *r = reader->ranges;
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    atomic_store(&r->cancelled, true);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->fetcher_count; i++) {
        pthread_join(r->fetchers[i].thread, NULL);
        http_freep(&r->fetchers[i].http);
    }
    atomic_fetch_add(&reader->pool->spare, r->spare);
    for (size_t i = 0; i < WINDOW; i++) free(r->window[i].bytes);
    if (r->ahead) *r->ahead = 0;
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(take_ptr(reader->ranges));
}

// What comes in two seconds, so that asking for it is a small part of the time; but there are to be enough.
static size_t segment_size(uint64_t rate, uint64_t left) {
    uint64_t size = 2 * rate < left / SEGMENTS ? 2 * rate : left / SEGMENTS;
    return size < SEGMENT_MIN ? SEGMENT_MIN : size > SEGMENT_MAX ? SEGMENT_MAX : (size_t)size;
}

static void ranges_begin(struct reader *reader, uint64_t start, size_t size) {
    struct ranges *r = xmalloc(sizeof *r);
    *r = (struct ranges){.registry = reader->registry,
                         .blob = reader->blob,
                         .start = start,
                         .segment_size = size,
                         .ahead = reader->sink->ahead};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    for (size_t i = 0; i < WINDOW; i++) r->window[i].bytes = xmalloc(size);
    reader->ranges = r;
    while (r->spare < RANGES_SPARE && spare_take(reader->pool)) {
        r->spare++;
        if (fetcher_add(r, reader->pool)) break;
    }
    if (r->fetcher_count)
        reader->starts++;
    else
        ranges_end(reader);
}

// One connection, the first

static void pace_measure(struct reader *reader) {
    uint64_t now = clock_monotonic_ns(), left = reader->blob->size - reader->position;
    const struct pace pace = {now - reader->since_ns, reader->bytes};
    if (!pace_tells(&pace)) return;
    uint64_t rate = reader->bytes * NS_IN_A_SECOND / (pace.elapsed_ns + 1);
    bool waits = reader->inside_ns < pace.elapsed_ns / 4; // … for the network, and not the network for us
    reader->since_ns = now;
    reader->inside_ns = reader->bytes = 0;
    if (!waits || rate > FAST || !pace_is_long(&pace, left) || reader->starts == STARTS_MAX ||
        reader->sink->in_one || atomic_load(&reader->registry->whole_only))
        return;
    // A second at least for the others to begin in.
    size_t size = segment_size(rate, left), lead = rate > size ? (size_t)rate : size;
    if (left > lead + CONNECTIONS * size) ranges_begin(reader, reader->position + lead, size);
}

static int hand_on(struct reader *reader, const void *bytes, size_t size, struct err *err) {
    reader->position += size;
    return reader->sink->body(bytes, size, reader->sink->data, err);
}

// Have the others begun as they should? Then the first connection has done its part.
static bool may_hand_over(struct ranges *r) {
    pthread_mutex_lock(&r->lock);
    bool may = !r->closed && r->window[0].filled;
    pthread_mutex_unlock(&r->lock);
    return may;
}

static int on_body(const void *bytes, size_t size, void *data, struct err *err) {
    struct reader *reader = data;
    uint64_t began_ns = clock_monotonic_ns();
    struct ranges *r = reader->ranges;
    if (!reader->since_ns) reader->since_ns = began_ns;
    if (r && reader->position + size >= r->start) {
        if (may_hand_over(r)) {
            if (hand_on(reader, bytes, (size_t)(r->start - reader->position), err)) return -1;
            reader->handed_over = true;
            return err_set(err, ERR_UNAVAILABLE, ECANCELED, "others go on");
        }
        ranges_end(reader);
    }
    if (hand_on(reader, bytes, size, err)) return -1;
    reader->bytes += size;
    reader->inside_ns += clock_monotonic_ns() - began_ns;
    if (!reader->ranges) pace_measure(reader);
    return 0;
}

// Several

// The segment that is next in order; NULL when it will not come.
static struct segment *segment_next(struct ranges *r) {
    pthread_mutex_lock(&r->lock);
    while (r->begun == r->delivered && !r->closed) pthread_cond_wait(&r->changed, &r->lock);
    struct segment *segment = r->begun == r->delivered ? NULL : &r->window[r->delivered % WINDOW];
    pthread_mutex_unlock(&r->lock);
    return segment;
}

// How much of it is there: more than `taken`, but for the end of a failure.
static size_t segment_wait(struct ranges *r, const struct segment *segment, size_t taken) {
    pthread_mutex_lock(&r->lock);
    while (segment->filled == taken && !segment->failed) pthread_cond_wait(&r->changed, &r->lock);
    size_t filled = segment->filled;
    pthread_mutex_unlock(&r->lock);
    return filled;
}

static void segment_end(struct ranges *r) {
    pthread_mutex_lock(&r->lock);
    r->delivered++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

// 0: to the blob's end; 1: as far as segments could be had; -1.
static int segments_hand_on(struct reader *reader, struct err *err) {
    struct ranges *r = reader->ranges;
    while (reader->position < reader->blob->size) {
        const struct segment *segment = segment_next(r);
        if (!segment) return 1;
        for (size_t taken = 0; taken < segment->size;) {
            size_t filled = segment_wait(r, segment, taken);
            if (filled == taken) return 1;
            if (r->ahead) *r->ahead -= filled - taken;
            if (hand_on(reader, segment->bytes + taken, filled - taken, err)) return -1;
            taken = filled;
        }
        segment_end(r);
    }
    return 0;
}

// One connection, and several from where they are worth it. 1: it has to go on.
static int read_on(struct reader *reader, struct err *err) {
    const struct descriptor *blob = reader->blob;
    const struct registry_sink through = {on_body, reader, .have = reader->position};
    reader->handed_over = false;
    reader->since_ns = reader->inside_ns = reader->bytes = 0;
    int r = registry_blob(reader->registry, reader->http, blob->digest, blob->size, &through, err);
    if (r && reader->handed_over) {
        reader->in_parts = true;
        (void)fetcher_add(reader->ranges, reader->pool); // in the place of the first
        r = segments_hand_on(reader, err);
    }
    ranges_end(reader);
    return r;
}

int ranges_read(struct ranges_pool *pool, struct registry *registry, struct http *http,
                const struct descriptor *blob, const struct registry_sink *sink, struct err *err) {
    struct reader reader = {
        .pool = pool, .registry = registry, .http = http, .blob = blob, .sink = sink, .position = sink->have};
    int r;
    while ((r = read_on(&reader, err)) > 0) {}
    return r ? -1 : reader.in_parts;
}
