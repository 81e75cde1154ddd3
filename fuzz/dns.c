// SPDX-License-Identifier: Apache-2.0
// Questions of a container, and answers of a server: an answer is one to the question, and no larger than
// what was asked for; what is called sound can be read by ldns.
#include "fuzz/fuzz.h"
#include "resolver/scope.h"

#include <fcntl.h>
#include <stdio.h>

#include <string.h>

#define NETWORK "11111111111111111111111111111111111111111111111111111111111111aa"
#define WEB     "22222222222222222222222222222222222222222222222222222222222222aa"

static struct scope scope;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static struct zones zones;
    (void)argc, (void)argv;
    must(!zones_init(&zones, AT_FDCWD));
    struct zone *zone = zone_acquire(&zones, NETWORK);
    zone_put(&zones, zone, WEB, "address 10.9.0.2\naddress fd00::2\nname Web\nname both\n");
    for (unsigned i = 0; i < 200; i++) {
        char id[ID_SIZE], text[64];
        snprintf(id, sizeof id, "%064x", i);
        snprintf(text, sizeof text, "address 10.1.%u.%u\nname n%u\nname all\n", i / 256, i % 256, i);
        zone_put(&zones, zone, id, text);
    }
    must(!scope_init(&scope, &zones, "container " WEB "\nnetwork " NETWORK " backend\nndots\n"));
    return 0;
}

static void answer(const uint8_t *bytes, size_t size) {
    static struct finding finding;
    struct question q;
    uint8_t code = 0, *answer = NULL;
    size_t answer_size = 0;
    if (question_read(bytes, size, &q, &code) != MESSAGE_GOOD) return;
    must(q.end <= size && q.limit >= MESSAGE_UDP_MIN && q.limit <= MESSAGE_UDP_MAX);
    enum scope_answer found = scope_find(&scope, &q, &finding);
    int r = found == SCOPE_ADDRESSES
                ? answer_addresses(&q, finding.addresses, finding.count, &answer, &answer_size)
            : found == SCOPE_NAME ? answer_name(&q, finding.name, &answer, &answer_size)
                                  : answer_code(&q, LDNS_RCODE_SERVFAIL, &answer, &answer_size);
    if (!r) {
        must(message_answers(answer, answer_size, bytes, q.end) && message_is_sound(answer, answer_size));
        if (answer_size > q.limit) answer_size = message_truncate(answer, q.end);
        must(answer_size <= q.limit && message_is_sound(answer, answer_size));
        must(message_refuse(answer, q.end, LDNS_RCODE_SERVFAIL) <= size);
    }
    free(answer);
    question_finish(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    answer(bytes, size);
    (void)message_is_sound(bytes, size);
    return 0;
}
