// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, RFC 6891): reading a question that a container sent, and writing answers. ldns does
// both; what it would take and we don't is refused before.
#pragma once

#include "resolver/zone.h"

#include <ldns/ldns.h>

#define MESSAGE_UDP_MIN 512  // what a client takes that does not say more
#define MESSAGE_UDP_MAX 4096 // what it gets at most, whatever it says
#define MESSAGE_HEADER  12
#define MESSAGE_EXTRA   2 // records that come with a question: EDNS, a signature
#define MESSAGE_ANSWERS 512
#define MESSAGE_TTL     0 // an address is somebody else's as soon as a container is started again

static inline uint16_t message_get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

struct question {
    ldns_pkt *packet;
    size_t end; // where the question ends in the message's bytes
    uint16_t type, class;
    bool is_host;                 // name has no byte that text could not show
    char name[ZONE_NAME_MAX + 1]; // lower case, without the last dot
    size_t limit;                 // of an answer by UDP
};

enum message_verdict {
    MESSAGE_GOOD,
    MESSAGE_DROP,    // an answer, or not even a header: to say something would be worse
    MESSAGE_REFUSED, // ret_code says with what to refuse it
};

// The caller finishes the question after MESSAGE_GOOD.
enum message_verdict question_read(const uint8_t *bytes, size_t size, struct question *ret_question,
                                   uint8_t *ret_code);
void question_finish(struct question *question);

// The bytes of an answer; the caller frees them. Each takes what it needs out of the question.
// Addresses, all of one size; count 0: the name is there, but not with what was asked for.
int answer_addresses(struct question *question, const struct zone_address *addresses, size_t count,
                     uint8_t **ret_bytes, size_t *ret_size);
int answer_name(struct question *question, const char *name, uint8_t **ret_bytes, size_t *ret_size);
int answer_code(struct question *question, uint8_t code, uint8_t **ret_bytes, size_t *ret_size);

// To a message that could not be read, or where nothing is to be spent: its header and, when question_end is
// not 0, the question, in place. The new size.
size_t message_refuse(uint8_t *bytes, size_t question_end, uint8_t code);
// Cuts an answer that does not fit: what is left says so.
size_t message_truncate(uint8_t *bytes, size_t question_end);

// Does an answer belong to a question that we sent?
bool message_answers(const uint8_t *answer, size_t size, const uint8_t *question, size_t question_end);
// Is it whole, so that whoever asked can read it?
bool message_is_sound(const uint8_t *bytes, size_t size);

// "3.2.1.10.in-addr.arpa", "….ip6.arpa": 4 or 16 bytes, or 0 for any other name.
uint8_t name_reverse(const char *name, uint8_t ret_bytes[static 16]);
