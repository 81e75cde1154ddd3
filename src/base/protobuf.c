// SPDX-License-Identifier: Apache-2.0
#include "base/protobuf.h"

#include <errno.h>
#include <string.h>

// The low three bits of a field's head.
enum wire { WIRE_NUMBER = 0, WIRE_64_BITS = 1, WIRE_BYTES = 2, WIRE_32_BITS = 5 };

static void put_varint(struct str *message, uint64_t value) {
    for (; value >= 0x80; value >>= 7) str_add_char(message, (char)(value | 0x80));
    str_add_char(message, (char)value);
}

static void put_bytes(struct str *message, unsigned field, const char *bytes, size_t size) {
    put_varint(message, field << 3 | WIRE_BYTES);
    put_varint(message, size);
    str_add_n(message, bytes, size);
}

void protobuf_put_number(struct str *message, unsigned field, int64_t value) {
    put_varint(message, field << 3 | WIRE_NUMBER);
    put_varint(message, (uint64_t)value);
}

void protobuf_put_text(struct str *message, unsigned field, const char *text) {
    if (!str_empty(text)) put_bytes(message, field, text, strlen(text));
}

void protobuf_put_message(struct str *message, unsigned field, const struct str *inner) {
    put_bytes(message, field, str_get(inner), inner->len);
}

static int take_varint(struct protobuf_reader *reader, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned shift = 0; reader->left && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*reader->at++;
        reader->left--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return *ret_value = value, 0;
    }
    return -EBADMSG;
}

static int take_bytes(struct protobuf_reader *reader, uint64_t size, const char **ret_bytes) {
    if (size > reader->left) return -EBADMSG;
    *ret_bytes = reader->at;
    reader->at += size;
    reader->left -= size;
    return 0;
}

int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field) {
    struct protobuf_field field = {0};
    uint64_t head, size = 0;
    if (!reader->left) return 0;
    if (take_varint(reader, &head) || head >> 3 == 0 || head >> 3 > UINT32_MAX >> 3) return -EBADMSG;
    field.number = (unsigned)(head >> 3);
    int r = -EBADMSG;
    switch (head & 7) {
    case WIRE_NUMBER: r = take_varint(reader, &field.value); break;
    case WIRE_BYTES:
        r = take_varint(reader, &size) ? -EBADMSG : take_bytes(reader, size, &field.bytes);
        break;
    // No field that is looked at has these; what they hold is passed over.
    case WIRE_64_BITS: r = take_bytes(reader, size = 8, &field.bytes); break;
    case WIRE_32_BITS: r = take_bytes(reader, size = 4, &field.bytes); break;
    default: break;
    }
    if (r) return r;
    if (field.bytes) field.size = (size_t)size;
    *ret_field = field;
    return 1;
}
