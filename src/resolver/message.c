// SPDX-License-Identifier: Apache-2.0
// A question is looked at twice. First by hand: the header, and one plain name without pointers (nothing is
// before it that it could point at). So the question's end is known, which forwarding needs, and ldns never
// follows a pointer for the name that everything hangs on. Then ldns reads all of it.
#include "resolver/message.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EDNS_SIZE 1232 // what we say that we take

// The name from the header's end on, as text. Where its type begins, or 0.
static size_t name_read(const uint8_t *bytes, size_t size, struct question *q) {
    size_t at = MESSAGE_HEADER, used = 0;
    q->is_host = true;
    while (at < size && bytes[at]) {
        uint8_t length = bytes[at++];
        if (length > ZONE_LABEL_MAX || at + length >= size || used + length + 1 > ZONE_NAME_MAX) return 0;
        if (used) q->name[used++] = '.';
        for (uint8_t i = 0; i < length; i++) {
            uint8_t c = bytes[at + i];
            if (c <= ' ' || c == '.' || c >= 0x7f) q->is_host = false;
            q->name[used++] = (char)tolower(c);
        }
        at += length;
    }
    q->name[used] = '\0';
    return at < size ? at + 1 : 0;
}

static bool question_fixed(const uint8_t *bytes, size_t size, struct question *q) {
    size_t type = name_read(bytes, size, q);
    if (!type || size - type < 4) return false;
    q->type = message_get16(bytes + type);
    q->class = message_get16(bytes + type + 2);
    q->end = type + 4;
    return true;
}

enum message_verdict question_read(const uint8_t *bytes, size_t size, struct question *ret_question,
                                   uint8_t *ret_code) {
    struct question *q = ret_question;
    if (size < MESSAGE_HEADER || bytes[2] & 0x80) return MESSAGE_DROP;
    *ret_code = LDNS_RCODE_NOTIMPL;
    if (bytes[2] & 0x78) return MESSAGE_REFUSED; // another opcode than a query
    *ret_code = LDNS_RCODE_FORMERR;
    q->packet = NULL;
    if (message_get16(bytes + 4) != 1 || message_get16(bytes + 6) || message_get16(bytes + 8) ||
        message_get16(bytes + 10) > MESSAGE_EXTRA)
        return MESSAGE_REFUSED; // each record that is read is time: of a thousand, it is everybody's
    if (!question_fixed(bytes, size, q)) return MESSAGE_REFUSED;
    if (ldns_wire2pkt(&q->packet, bytes, size) != LDNS_STATUS_OK) return MESSAGE_REFUSED;
    size_t limit = ldns_pkt_edns(q->packet) ? ldns_pkt_edns_udp_size(q->packet) : MESSAGE_UDP_MIN;
    q->limit = limit < MESSAGE_UDP_MIN ? MESSAGE_UDP_MIN : limit > MESSAGE_UDP_MAX ? MESSAGE_UDP_MAX : limit;
    return MESSAGE_GOOD;
}

void question_finish(struct question *question) {
    if (question->packet) ldns_pkt_free(question->packet);
    question->packet = NULL;
}

// Answers

static void packet_freep(ldns_pkt **packet) {
    if (*packet) ldns_pkt_free(*packet);
}

// The question itself is handed over, not copied.
static ldns_pkt *answer_begin(struct question *question, uint8_t code) {
    ldns_pkt *from = question->packet, *answer = ldns_pkt_new();
    if (!answer) return NULL;
    ldns_rr_list *empty = ldns_pkt_question(answer);
    ldns_pkt_set_question(answer, ldns_pkt_question(from));
    ldns_pkt_set_question(from, empty);
    ldns_pkt_set_qdcount(answer, 1);
    ldns_pkt_set_id(answer, ldns_pkt_id(from));
    ldns_pkt_set_qr(answer, true);
    ldns_pkt_set_aa(answer, code == LDNS_RCODE_NOERROR);
    ldns_pkt_set_rd(answer, ldns_pkt_rd(from));
    ldns_pkt_set_cd(answer, ldns_pkt_cd(from));
    ldns_pkt_set_ra(answer, true);
    ldns_pkt_set_rcode(answer, code);
    if (ldns_pkt_edns(from)) ldns_pkt_set_edns_udp_size(answer, EDNS_SIZE);
    return answer;
}

static int answer_end(const ldns_pkt *answer, uint8_t **ret_bytes, size_t *ret_size) {
    return answer && ldns_pkt2wire(ret_bytes, answer, ret_size) == LDNS_STATUS_OK ? 0 : -ENOMEM;
}

// Takes the value.
static bool answer_add(ldns_pkt *answer, ldns_rr_type type, ldns_rdf *value) {
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(answer), 0);
    ldns_rr *record = value && question ? ldns_rr_new() : NULL;
    if (!record) return ldns_rdf_deep_free(value), false;
    ldns_rr_set_owner(record, ldns_rdf_clone(ldns_rr_owner(question)));
    ldns_rr_set_type(record, type);
    ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(record, MESSAGE_TTL);
    if (ldns_rr_push_rdf(record, value) && ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER, record)) return true;
    ldns_rr_free(record);
    return false;
}

int answer_addresses(struct question *question, const struct zone_address *addresses, size_t count,
                     uint8_t **ret_bytes, size_t *ret_size) {
    _cleanup_(packet_freep) ldns_pkt *answer = answer_begin(question, LDNS_RCODE_NOERROR);
    for (size_t i = 0; answer && i < count; i++) {
        bool v4 = addresses[i].size == 4;
        ldns_rdf *value = ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, addresses[i].size,
                                                addresses[i].bytes);
        if (!answer_add(answer, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA, value)) return -ENOMEM;
    }
    return answer_end(answer, ret_bytes, ret_size);
}

// "web.net" as the labels of the wire. NULL for what can't be a name.
static ldns_rdf *name_make(const char *text) {
    uint8_t wire[ZONE_NAME_MAX + 2];
    size_t used = 0;
    for (;;) {
        size_t label = strcspn(text, ".");
        if (!label || label > ZONE_LABEL_MAX || used + label + 2 > ZONE_NAME_MAX) return NULL;
        wire[used++] = (uint8_t)label;
        memcpy(wire + used, text, label);
        used += label;
        if (!text[label]) break;
        text += label + 1;
    }
    wire[used++] = 0;
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, used, wire);
}

int answer_name(struct question *question, const char *name, uint8_t **ret_bytes, size_t *ret_size) {
    _cleanup_(packet_freep) ldns_pkt *answer = answer_begin(question, LDNS_RCODE_NOERROR);
    if (!answer || !answer_add(answer, LDNS_RR_TYPE_PTR, name_make(name))) return -EINVAL;
    return answer_end(answer, ret_bytes, ret_size);
}

int answer_code(struct question *question, uint8_t code, uint8_t **ret_bytes, size_t *ret_size) {
    _cleanup_(packet_freep) ldns_pkt *answer = answer_begin(question, code);
    return answer_end(answer, ret_bytes, ret_size);
}

// Counts of records: none but the question's.
static size_t message_strip(uint8_t *bytes, size_t question_end) {
    memset(bytes + 4, 0, MESSAGE_HEADER - 4);
    bytes[5] = question_end > 0;
    return question_end ? question_end : MESSAGE_HEADER;
}

size_t message_refuse(uint8_t *bytes, size_t question_end, uint8_t code) {
    bytes[2] =
        (uint8_t)(0x80 | (bytes[2] & 0x79)); // an answer: the same opcode, recursion wished for as before
    bytes[3] = (uint8_t)(0x80 | code);       // recursion there is
    return message_strip(bytes, question_end);
}

size_t message_truncate(uint8_t *bytes, size_t question_end) {
    bytes[2] |= 0x02;
    return message_strip(bytes, question_end);
}

// The name's case may have changed on the way.
bool message_answers(const uint8_t *answer, size_t size, const uint8_t *question, size_t question_end) {
    if (size < question_end || memcmp(answer, question, 2) != 0 || !(answer[2] & 0x80) || answer[2] & 0x78 ||
        message_get16(answer + 4) != 1)
        return false;
    size_t name_end = question_end - 4;
    for (size_t i = MESSAGE_HEADER; i < name_end; i++)
        if (tolower(answer[i]) != tolower(question[i])) return false;
    return memcmp(answer + name_end, question + name_end, 4) == 0;
}

// Reverse names

static uint8_t reverse_v4(const char *name, size_t length, uint8_t *ret_bytes) {
    uint8_t bytes[4];
    const char *end = name + length;
    for (int i = 3; i >= 0; i--) {
        unsigned value = 0;
        size_t digits = strspn(name, "0123456789");
        if (!digits || digits > 3 || (digits > 1 && *name == '0')) return 0;
        for (size_t k = 0; k < digits; k++) value = value * 10 + (unsigned)(name[k] - '0');
        name += digits;
        if (value > 255 || (i ? *name++ != '.' : name != end)) return 0;
        bytes[i] = (uint8_t)value;
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    return sizeof bytes;
}

static uint8_t reverse_v6(const char *name, size_t length, uint8_t *ret_bytes) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16] = {0};
    if (length != 63) return 0;
    for (int i = 0; i < 32; i++) {
        const char *digit = strchr(digits, name[2 * i]);
        if (!digit || !*digit || (i < 31 && name[2 * i + 1] != '.')) return 0;
        bytes[15 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 * 4));
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    return sizeof bytes;
}

uint8_t name_reverse(const char *name, uint8_t ret_bytes[static 16]) {
    static const char v4[] = ".in-addr.arpa", v6[] = ".ip6.arpa";
    size_t length = strlen(name);
    if (str_has_suffix(name, v4)) return reverse_v4(name, length - (sizeof v4 - 1), ret_bytes);
    if (str_has_suffix(name, v6)) return reverse_v6(name, length - (sizeof v6 - 1), ret_bytes);
    return 0;
}
