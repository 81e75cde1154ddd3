// SPDX-License-Identifier: Apache-2.0
// What comes from elsewhere goes on to a container, whose C library will read it. So it is read here first,
// as strictly as that can be done without knowing every type: each record lies within the message, and each
// name ends, since a pointer leads only to what was before it.
#include "resolver/message.h"

#include <string.h>

#define POINTERS    126 // as many as a name can have labels
#define RECORD_SIZE 10  // of what is between a record's name and its data

// Where what follows the name begins, or 0.
static size_t name_end(const uint8_t *bytes, size_t size, size_t at) {
    size_t end = 0, length = 1, before = at;
    for (unsigned pointers = 0; at < size;) {
        uint8_t byte = bytes[at];
        if (!byte) return end ? end : at + 1;
        if (byte < 0xc0) {
            length += byte + 1u;
            if (byte > ZONE_LABEL_MAX || length > ZONE_NAME_MAX) return 0;
            at += byte + 1u;
            continue;
        }
        if (at + 1 >= size || ++pointers > POINTERS) return 0;
        if (!end) end = at + 2;
        at = message_get16(bytes + at) & 0x3fff;
        if (at < MESSAGE_HEADER || at >= before) return 0;
        before = at;
    }
    return 0;
}

static bool names_end(const uint8_t *bytes, size_t at, size_t end, unsigned count) {
    for (; at && count; count--) at = name_end(bytes, end, at);
    return at && at <= end;
}

static bool data_is_sound(const uint8_t *bytes, size_t at, size_t size, uint16_t type) {
    size_t end = at + size;
    switch (type) {
    case LDNS_RR_TYPE_A: return size == 4;
    case LDNS_RR_TYPE_AAAA: return size == 16;
    case LDNS_RR_TYPE_NS:
    case LDNS_RR_TYPE_CNAME:
    case LDNS_RR_TYPE_PTR:
    case LDNS_RR_TYPE_DNAME: return names_end(bytes, at, end, 1);
    case LDNS_RR_TYPE_MX: return size > 2 && names_end(bytes, at + 2, end, 1);
    case LDNS_RR_TYPE_SRV: return size > 6 && names_end(bytes, at + 6, end, 1);
    case LDNS_RR_TYPE_SOA: return names_end(bytes, at, end, 2);
    }
    return true;
}

static size_t record_end(const uint8_t *bytes, size_t size, size_t at) {
    size_t head = name_end(bytes, size, at);
    if (!head || size - head < RECORD_SIZE) return 0;
    size_t data = head + RECORD_SIZE, length = message_get16(bytes + head + 8);
    if (size - data < length || !data_is_sound(bytes, data, length, message_get16(bytes + head))) return 0;
    return data + length;
}

bool message_is_sound(const uint8_t *bytes, size_t size) {
    size_t at = MESSAGE_HEADER;
    if (size < MESSAGE_HEADER) return false;
    unsigned records =
        (unsigned)message_get16(bytes + 6) + message_get16(bytes + 8) + message_get16(bytes + 10);
    for (unsigned questions = message_get16(bytes + 4); questions; questions--) {
        at = name_end(bytes, size, at);
        if (!at || size - at < 4) return false;
        at += 4;
    }
    while (records-- && at) at = record_end(bytes, size, at);
    return at;
}
