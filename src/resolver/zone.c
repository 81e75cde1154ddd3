// SPDX-License-Identifier: Apache-2.0
// A hash table has a network's names and its addresses: an entry's key is either.
#include "resolver/zone.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <unistd.h>

#define RECORD_MAX   65536 // bytes of a file
#define BUCKETS_MIN  64
#define WATCH_EVENTS (IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)

// Keys

struct key {
    const void *bytes;
    uint8_t size;
    bool is_address;
    uint32_t hash;
};

// FNV-1a from a start that nobody outside knows.
static struct key key_make(const struct zones *zones, bool is_address, const void *bytes, size_t size) {
    struct key key = {bytes, (uint8_t)size, is_address, zones->seed ^ is_address};
    for (size_t i = 0; i < size; i++) key.hash = (key.hash ^ ((const uint8_t *)bytes)[i]) * 0x01000193;
    return key;
}

static void zone_grow(struct zone *zone) {
    size_t count = zone->bucket_count ? zone->bucket_count * 2 : BUCKETS_MIN;
    struct zone_entry **buckets = xmalloc(count * sizeof(struct zone_entry *));
    memset(buckets, 0, count * sizeof(struct zone_entry *));
    for (size_t i = 0; i < zone->bucket_count; i++)
        for (struct zone_entry *e = zone->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash % count];
            buckets[e->hash % count] = e;
        }
    free(zone->buckets);
    zone->buckets = buckets;
    zone->bucket_count = count;
}

static struct zone_entry *entry_next(struct zone_entry *e, const struct key *key) {
    while (e && (e->hash != key->hash || e->is_address != key->is_address || e->size != key->size ||
                 memcmp(e->key, key->bytes, key->size) != 0))
        e = e->next;
    return e;
}

static struct zone_entry *entry_first(const struct zone *zone, const struct key *key) {
    return zone->bucket_count ? entry_next(zone->buckets[key->hash % zone->bucket_count], key) : NULL;
}

static void entry_add(struct zone *zone, struct zone_record *record, const struct key *key) {
    for (struct zone_entry *e = entry_first(zone, key); e; e = entry_next(e->next, key))
        if (e->record == record) return; // twice in the file
    if (zone->entry_count >= zone->bucket_count) zone_grow(zone);
    struct zone_entry **bucket = &zone->buckets[key->hash % zone->bucket_count],
                      *entry = xmalloc(sizeof *entry + key->size);
    *entry = (struct zone_entry){.next = *bucket,
                                 .record = record,
                                 .hash = key->hash,
                                 .is_address = key->is_address,
                                 .size = key->size};
    memcpy(entry->key, key->bytes, key->size);
    *bucket = entry;
    zone->entry_count++;
}

static void entries_drop(struct zone *zone, const struct zone_record *record) {
    for (size_t i = 0; i < zone->bucket_count; i++)
        for (struct zone_entry **at = &zone->buckets[i]; *at;) {
            struct zone_entry *entry = *at;
            if (entry->record != record) {
                at = &entry->next;
                continue;
            }
            *at = entry->next;
            free(entry);
            zone->entry_count--;
        }
}

// Records

bool zone_name_is_sayable(const char *name) {
    size_t length = strlen(name);
    for (size_t label; (label = strcspn(name, ".")); name += label + 1) {
        if (label > ZONE_LABEL_MAX) return false;
        if (!name[label]) return length + 2 <= ZONE_NAME_MAX;
    }
    return false;
}

static void record_free(struct zone *zone, struct zone_record *record) {
    entries_drop(zone, record);
    list_remove(&zone->records, record);
    free(record->addresses);
    free(record);
}

static void record_add_address(struct zone_record *record, const char *text) {
    struct zone_address address = {.size = 4};
    if (inet_pton(AF_INET, text, address.bytes) != 1) {
        address.size = 16;
        if (inet_pton(AF_INET6, text, address.bytes) != 1) return;
    }
    record->addresses = xrealloc(record->addresses, (record->address_count + 1) * sizeof *record->addresses);
    record->addresses[record->address_count++] = address;
}

static void record_add_name(struct zones *zones, struct zone *zone, struct zone_record *record,
                            const char *text) {
    char name[ZONE_NAME_MAX + 1];
    size_t size = strlen(text);
    if (!size || size > ZONE_NAME_MAX) return;
    for (size_t i = 0; i < size; i++) name[i] = (char)tolower((unsigned char)text[i]);
    struct key key = key_make(zones, false, name, size);
    entry_add(zone, record, &key);
    if (!*record->name && zone_name_is_sayable(text)) memcpy(record->name, text, size + 1);
}

static void record_read(struct zones *zones, struct zone *zone, struct zone_record *record, char *text) {
    for (char *line; (line = strsep(&text, "\n"));) {
        const char *value;
        if ((value = str_after(line, "address ")))
            record_add_address(record, value);
        else if ((value = str_after(line, "name ")))
            record_add_name(zones, zone, record, value);
    }
    char short_id[SHORT_ID + 1];
    memcpy(short_id, record->id, SHORT_ID);
    short_id[SHORT_ID] = '\0';
    record_add_name(zones, zone, record, short_id);
    for (size_t i = 0; i < record->address_count; i++) {
        struct key key = key_make(zones, true, record->addresses[i].bytes, record->addresses[i].size);
        entry_add(zone, record, &key);
    }
}

void zone_put(struct zones *zones, struct zone *zone, const char *id, const char *text) {
    struct zone_record *record;
    for (record = zone->records.first; record; record = record->list.next)
        if (str_eq(record->id, id)) break;
    if (record) record_free(zone, record);
    if (!text) return;
    _cleanup_(freep) char *copy = xstrdup(text);
    record = xmalloc(sizeof *record);
    *record = (struct zone_record){0};
    memcpy(record->id, id, ID_SIZE);
    list_add(&zone->records, record);
    record_read(zones, zone, record, copy);
}

// Files

static bool is_id(const char *text) {
    return strlen(text) == ID_SIZE - 1 && strspn(text, "0123456789abcdef") == ID_SIZE - 1;
}

static void zone_read(struct zones *zones, struct zone *zone, const char *id) {
    char path[2 * ID_SIZE];
    _cleanup_(str_finish) struct str text = {0};
    if (!is_id(id)) return; // one that is being written, or the socket
    memcpy(path, zone->id, ID_SIZE - 1);
    path[ID_SIZE - 1] = '/';
    memcpy(path + ID_SIZE, id, ID_SIZE);
    int r = file_read_at(zones->directory, path, RECORD_MAX, &text);
    zone_put(zones, zone, id, r ? NULL : str_get(&text));
}

static void zone_clear(struct zone *zone) {
    for (struct zone_record *record = zone->records.first, *next; record; record = next) {
        next = record->list.next;
        record_free(zone, record);
    }
}

static void zone_read_all(struct zones *zones, struct zone *zone) {
    _cleanup_(dir_closep) DIR *directory = NULL;
    if (dir_open_at(zones->directory, zone->id, &directory)) return;
    for (struct dirent *entry; (entry = readdir(directory));) zone_read(zones, zone, entry->d_name);
}

struct zone *zone_acquire(struct zones *zones, const char *id) {
    struct zone *zone;
    if (!is_id(id)) return NULL;
    for (zone = zones->list.first; zone; zone = zone->list.next)
        if (str_eq(zone->id, id)) return zone->users++, zone;
    zone = xmalloc(sizeof *zone);
    *zone = (struct zone){.users = 1};
    memcpy(zone->id, id, ID_SIZE);
    list_add(&zones->list, zone);
    // First the watch, then the look: what changes in between is heard.
    zone->watch = inotify_add_watch(zones->inotify, zone->id, WATCH_EVENTS);
    zone_read_all(zones, zone);
    return zone;
}

void zone_release(struct zones *zones, struct zone *zone) {
    if (--zone->users) return;
    if (zone->watch >= 0) (void)inotify_rm_watch(zones->inotify, zone->watch);
    list_remove(&zones->list, zone);
    zone_clear(zone);
    free(zone->buckets);
    free(zone);
}

static void zones_read_again(struct zones *zones) {
    struct zone *zone;
    for (zone = zones->list.first; zone; zone = zone->list.next) {
        zone_clear(zone);
        zone_read_all(zones, zone);
    }
}

static void zones_heard(struct zones *zones, const struct inotify_event *event) {
    struct zone *zone;
    if (event->mask & IN_Q_OVERFLOW) return zones_read_again(zones);
    for (zone = zones->list.first; zone; zone = zone->list.next) {
        if (zone->watch != event->wd) continue;
        // The directory went, and its watch with it.
        if (event->mask & IN_IGNORED) zone->watch = -1, zone_clear(zone);
        if (event->len) zone_read(zones, zone, event->name);
    }
}

void zones_update(struct zones *zones) {
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (ssize_t n; (n = read(zones->inotify, buffer, sizeof buffer)) > 0;)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            zones_heard(zones, event);
            at += sizeof *event + event->len;
        }
}

int zones_init(struct zones *zones, int directory) {
    *zones = (struct zones){.directory = directory, .inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (zones->inotify < 0) return -errno;
    return getrandom(&zones->seed, sizeof zones->seed, 0) == sizeof zones->seed ? 0 : -errno;
}

// Look-ups

static void address_collect(const struct zone_record *record, uint8_t size, struct zone_address *ret,
                            size_t max, size_t *count) {
    for (size_t i = 0; i < record->address_count; i++)
        if (record->addresses[i].size == size && *count < max) ret[(*count)++] = record->addresses[i];
}

// So that each of several containers behind one name is the first in its turn.
static void rotate(struct zone_address *addresses, size_t count, size_t by) {
    struct zone_address first;
    for (by %= count; by; by--) {
        first = addresses[0];
        memmove(addresses, addresses + 1, (count - 1) * sizeof *addresses);
        addresses[count - 1] = first;
    }
}

size_t zone_find(struct zones *zones, struct zone *zone, const char *name, uint8_t size,
                 struct zone_address *ret_addresses, size_t max, size_t *ret_count) {
    size_t all = 0;
    struct key key = key_make(zones, false, name, strlen(name));
    *ret_count = 0;
    for (struct zone_entry *e = entry_first(zone, &key); e; e = entry_next(e->next, &key)) {
        all += e->record->address_count;
        address_collect(e->record, size, ret_addresses, max, ret_count);
    }
    if (*ret_count > 1) rotate(ret_addresses, *ret_count, zone->turn++);
    return all;
}

const char *zone_find_address(struct zones *zones, const struct zone *zone, const uint8_t *bytes,
                              uint8_t size) {
    struct key key = key_make(zones, true, bytes, size);
    const struct zone_entry *e = entry_first(zone, &key);
    return e ? e->record->name : NULL;
}
