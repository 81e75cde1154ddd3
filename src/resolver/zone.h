// SPDX-License-Identifier: Apache-2.0
// The names of networks, as files have them: <networks>/<network id>/<container id>, one for each container
// that is on the network, with lines
//   address 10.1.2.3
//   address fd00::3
//   name web             the first that a message can say is what a look-up by address gives
//   name alias
// The container's short id is a name, too. Files are made by rename, so each is whole; a change is heard by
// inotify, and zones_update() takes in what has been heard.
#pragma once

#include "base/id.h"
#include "resolver/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_NAME_MAX  255
#define ZONE_LABEL_MAX 63

struct zone_address {
    uint8_t size; // 4, 16
    uint8_t bytes[16];
};

struct zone_entry {
    struct zone_entry *next; // in its bucket
    struct zone_record *record;
    uint32_t hash;
    bool is_address;
    uint8_t size;
    char key[]; // a name in lower case, or an address's bytes
};

// A container on the network.
struct zone_record {
    LIST_LINK(zone_record) list;
    char id[ID_SIZE];
    char name[ZONE_NAME_MAX + 1]; // its own
    struct zone_address *addresses;
    size_t address_count;
};

struct zone {
    LIST_LINK(zone) list;
    char id[ID_SIZE];
    unsigned users;
    int watch; // inotify's; -1: there is no such directory
    LIST_OF(zone_record) records;
    struct zone_entry **buckets;
    size_t bucket_count, entry_count;
    uint32_t turn; // which address is the next answer's first
};

struct zones {
    LIST_OF(zone) list;
    int directory; // <runroot>/networks; borrowed. Also the working directory
    int inotify;
    uint32_t seed;
};

// The caller watches inotify, and closes it.
int zones_init(struct zones *zones, int directory);

// The zone of a network, read when it is the first time that it is asked for. For each of these a
// zone_release. NULL: id is no id.
struct zone *zone_acquire(struct zones *zones, const char *id);
void zone_release(struct zones *zones, struct zone *zone);

// Takes in every change that was made to a file before this call.
void zones_update(struct zones *zones);

// Takes in a record's text; a record of that id that was there goes. The text of NULL only lets it go.
void zone_put(struct zones *zones, struct zone *zone, const char *id, const char *text);

// Can a message say it? A container's name may be longer than that, and have two dots in a row.
bool zone_name_is_sayable(const char *name);

// The addresses of a name (lower case): how many there are of both sizes together, which is 0 where nobody
// has the name. At most max of this size are stored, in turns.
size_t zone_find(struct zones *zones, struct zone *zone, const char *name, uint8_t size,
                 struct zone_address *ret_addresses, size_t max, size_t *ret_count);
// Who has an address: its name, or NULL.
const char *zone_find_address(struct zones *zones, const struct zone *zone, const uint8_t *bytes,
                              uint8_t size);
