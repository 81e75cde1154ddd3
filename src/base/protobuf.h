// SPDX-License-Identifier: Apache-2.0
// Protocol Buffers on the wire, as much of it as CRIU and the log driver local use: a message is fields one
// after the other, each with its number; a value is a number of variable length, or bytes with their length
// in front (a text, or a message again).
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writing, at the end of the message. A negative number is an int32 or int64 field's. An absent text (NULL or
// "") writes nothing.
void protobuf_put_number(struct str *message, unsigned field, int64_t value);
void protobuf_put_text(struct str *message, unsigned field, const char *text);
void protobuf_put_message(struct str *message, unsigned field, const struct str *inner);

struct protobuf_field {
    unsigned number;
    uint64_t value;    // of a number
    const char *bytes; // of a text or message; NULL for a number
    size_t size;
};
struct protobuf_reader {
    const char *at;
    size_t left;
};

// The next field: 1; 0 at the end; -EBADMSG where the bytes are no message.
int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field);
