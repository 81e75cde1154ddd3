// SPDX-License-Identifier: Apache-2.0
// Messages that somebody else wrote: good ones, cut ones, and a hundred thousand that random changes made of
// them. What a build with sanitizers finds, it finds here.
#include "resolver/scope.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NETWORK "11111111111111111111111111111111111111111111111111111111111111aa"
#define WEB     "22222222222222222222222222222222222222222222222222222222222222aa"

static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3Web\7backend\0\0\1\0\1";
// With EDNS, 1232 bytes, and a cookie.
static const uint8_t edns[] = "\x12\x34\1\x20\0\1\0\0\0\0\0\1\3web\0\0\x1c\0\1"
                              "\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x0a\0\x08\1\2\3\4\5\6\7\x08";
static const uint8_t reverse[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1"
                                 "2\1"
                                 "0\1"
                                 "9\2"
                                 "10\7in-addr\4arpa\0\0\x0c\0\1";
#define SIZE(message) (sizeof(message) - 1)

static void test_question(void **state) {
    struct question q;
    uint8_t code;
    (void)state;
    assert_int_equal(question_read(query, SIZE(query), &q, &code), MESSAGE_GOOD);
    assert_string_equal(q.name, "web.backend");
    assert_int_equal(q.type, LDNS_RR_TYPE_A);
    assert_int_equal(q.end, SIZE(query));
    assert_int_equal(q.limit, 512);
    question_finish(&q);
    assert_int_equal(question_read(edns, SIZE(edns), &q, &code), MESSAGE_GOOD);
    assert_int_equal(q.limit, 1232);
    question_finish(&q);
}

// Whatever is missing at the end, it is never taken for whole.
static void test_cut(void **state) {
    struct question q;
    uint8_t code;
    (void)state;
    for (size_t size = 0; size < SIZE(query); size++) {
        uint8_t *bytes = malloc(size + 1); // so that what is read behind the end is noticed
        memcpy(bytes, query, size);
        int verdict = question_read(bytes, size, &q, &code);
        assert_int_equal(verdict, size < MESSAGE_HEADER ? MESSAGE_DROP : MESSAGE_REFUSED);
        if (verdict == MESSAGE_REFUSED) assert_int_equal(code, LDNS_RCODE_FORMERR);
        free(bytes);
    }
}

static int verdict_with(size_t at, uint8_t byte, uint8_t *ret_code) {
    struct question q;
    uint8_t bytes[SIZE(query)];
    memcpy(bytes, query, sizeof bytes);
    bytes[at] = byte;
    int verdict = question_read(bytes, sizeof bytes, &q, ret_code);
    if (verdict == MESSAGE_GOOD) question_finish(&q);
    return verdict;
}

static void test_refused(void **state) {
    uint8_t code;
    (void)state;
    assert_int_equal(verdict_with(2, 0x80, &code), MESSAGE_DROP); // an answer
    assert_int_equal(verdict_with(2, 0x28, &code), MESSAGE_REFUSED);
    assert_int_equal(code, LDNS_RCODE_NOTIMPL); // an update
    assert_int_equal(verdict_with(5, 2, &code), MESSAGE_REFUSED);
    assert_int_equal(code, LDNS_RCODE_FORMERR); // two questions
    assert_int_equal(verdict_with(5, 0, &code), MESSAGE_REFUSED);
    assert_int_equal(verdict_with(7, 1, &code), MESSAGE_REFUSED);     // with an answer
    assert_int_equal(verdict_with(12, 0xc0, &code), MESSAGE_REFUSED); // a pointer
    assert_int_equal(verdict_with(12, 64, &code), MESSAGE_REFUSED);   // a label of 64
    assert_int_equal(verdict_with(11, 1, &code), MESSAGE_REFUSED);    // a record that is not there
    assert_int_equal(verdict_with(10, 1, &code), MESSAGE_REFUSED);    // more of them than anybody needs
}

static void test_answers(void **state) {
    struct question q;
    struct zone_address address = {.size = 4, .bytes = {10, 9, 0, 2}};
    static const uint8_t expected[] = "\x12\x34\x85\x80\0\1\0\1\0\0\0\0\3Web\7backend\0\0\1\0\1"
                                      "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\x09\0\2";
    uint8_t code, *bytes = NULL;
    size_t size;
    (void)state;
    assert_int_equal(question_read(query, SIZE(query), &q, &code), MESSAGE_GOOD);
    assert_int_equal(answer_addresses(&q, &address, 1, &bytes, &size), 0);
    assert_int_equal(size, SIZE(expected));
    assert_memory_equal(bytes, expected, size);
    assert_true(message_answers(bytes, size, query, q.end));
    bytes[13] ^= 0x20; // another case
    assert_true(message_answers(bytes, size, query, q.end));
    bytes[13] ^= 1;
    assert_false(message_answers(bytes, size, query, q.end));
    assert_int_equal(message_truncate(bytes, q.end), q.end);
    assert_true(bytes[2] & 2);
    question_finish(&q);
    free(bytes);
}

// A CNAME to a name that is there, its address, and the server of its zone.
static const uint8_t sound[] = "\x12\x34\x81\x80\0\1\0\2\0\1\0\1\3www\7example\0\0\1\0\1"
                               "\xc0\x0c\0\5\0\1\0\0\0\1\0\6\3web\xc0\x10"
                               "\xc0\x29\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1"
                               "\xc0\x10\0\6\0\1\0\0\0\1\0\x18\xc0\x29\xc0\x10"
                               "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
                               "\0\0\x29\4\xd0\0\0\0\0\0\0";

static bool sound_with(size_t at, uint8_t byte) {
    uint8_t bytes[SIZE(sound)];
    memcpy(bytes, sound, sizeof bytes);
    bytes[at] = byte;
    return message_is_sound(bytes, sizeof bytes);
}

static void test_sound(void **state) {
    (void)state;
    assert_true(message_is_sound(sound, SIZE(sound)));
    for (size_t size = 0; size < SIZE(sound); size++) {
        uint8_t *bytes = malloc(size + 1);
        memcpy(bytes, sound, size);
        assert_false(message_is_sound(bytes, size));
        free(bytes);
    }
    assert_true(sound_with(30, 0x10));
    assert_false(sound_with(30, 29));   // a name that is a pointer to itself
    assert_false(sound_with(30, 0x31)); // one to what comes later
    assert_false(sound_with(30, 3));    // into the header
    assert_false(sound_with(12, 0x80)); // a label of a kind that there is not
    assert_false(sound_with(40, 5));    // data that ends within a name
    assert_false(sound_with(58, 5));    // an address of five bytes
    assert_false(sound_with(7, 0xff));  // records that are not there
    assert_false(sound_with(5, 2));     // a question that is none
}

// A chain of pointers in a text record, and a record whose name is the chain's end.
static size_t chain_make(uint8_t *bytes, unsigned count) {
    static const uint8_t head[] = "\x12\x34\x81\x80\0\0\0\2\0\0\0\0\0\0\x10\0\1\0\0\0\0";
    static const uint8_t tail[] = "\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1";
    size_t at = SIZE(head), target = MESSAGE_HEADER;
    memcpy(bytes, head, at);
    bytes[at++] = (uint8_t)(2 * count >> 8), bytes[at++] = (uint8_t)(2 * count);
    for (unsigned i = 0; i <= count; i++, target = at, at += 2)
        bytes[at] = (uint8_t)(0xc0 | target >> 8), bytes[at + 1] = (uint8_t)target;
    memcpy(bytes + at, tail, SIZE(tail));
    return at + SIZE(tail);
}

// Each leads backwards, so it ends; but it is work that no real name makes.
static void test_pointers(void **state) {
    uint8_t bytes[1024];
    (void)state;
    assert_true(message_is_sound(bytes, chain_make(bytes, 100)));
    assert_false(message_is_sound(bytes, chain_make(bytes, 200)));
}

static void test_reverse_names(void **state) {
    uint8_t bytes[16];
    static const uint8_t v4[] = {10, 1, 2, 3}, v6[16] = {0xfd, [15] = 0x2a};
    (void)state;
    assert_int_equal(name_reverse("3.2.1.10.in-addr.arpa", bytes), 4);
    assert_memory_equal(bytes, v4, 4);
    assert_int_equal(
        name_reverse("a.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", bytes), 16);
    assert_memory_equal(bytes, v6, 16);
    assert_int_equal(name_reverse("256.2.1.10.in-addr.arpa", bytes), 0);
    assert_int_equal(name_reverse("2.1.10.in-addr.arpa", bytes), 0);
    assert_int_equal(name_reverse("4.3.2.1.10.in-addr.arpa", bytes), 0);
    assert_int_equal(name_reverse("03.2.1.10.in-addr.arpa", bytes), 0);
    assert_int_equal(name_reverse("1.ip6.arpa", bytes), 0);
    assert_int_equal(name_reverse("in-addr.arpa", bytes), 0);
}

static void test_servers(void **state) {
    struct servers servers;
    char text[INET6_ADDRSTRLEN];
    (void)state;
    servers_read(&servers,
                 "# nameserver 1.1.1.1\nnameserverx 9.9.9.9\n nameserver\t127.0.0.53 # local\n"
                 "nameserver fe80::1%7\nnameserver bad\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n");
    assert_int_equal(servers.count, SERVERS_MAX);
    struct sockaddr_in *first = (struct sockaddr_in *)&servers.items[0];
    struct sockaddr_in6 *second = (struct sockaddr_in6 *)&servers.items[1];
    assert_string_equal(inet_ntop(AF_INET, &first->sin_addr, text, sizeof text), "127.0.0.53");
    assert_int_equal(second->sin6_scope_id, 7);
    assert_int_equal(servers_pick(&servers, 1, 0), 1);
    servers_answered(&servers, 2, 1, 100);
    assert_int_equal(servers_pick(&servers, 0, 101), 2);
    assert_int_equal(servers_pick(&servers, 0, UINT64_MAX), 0);
    servers_read(&servers, "");
    assert_int_equal(servers.count, 1);
}

static void ask(const struct scope *scope, const uint8_t *bytes, size_t size) {
    static struct finding finding;
    struct question q;
    uint8_t code = 0, *answer = NULL;
    size_t answer_size = 0;
    if (question_read(bytes, size, &q, &code) != MESSAGE_GOOD) return;
    enum scope_answer found = scope_find(scope, &q, &finding);
    int r = found == SCOPE_ADDRESSES
                ? answer_addresses(&q, finding.addresses, finding.count, &answer, &answer_size)
            : found == SCOPE_NAME ? answer_name(&q, finding.name, &answer, &answer_size)
                                  : answer_code(&q, LDNS_RCODE_SERVFAIL, &answer, &answer_size);
    if (!r) assert_true(message_answers(answer, answer_size, bytes, q.end));
    free(answer);
    question_finish(&q);
}

static void mutate(uint8_t *bytes, size_t *size) {
    for (int changes = rand() % 6; changes >= 0; changes--) {
        size_t at = (size_t)rand() % *size;
        switch (rand() % 5) {
        case 0: bytes[at] = (uint8_t)rand(); break;
        case 1: bytes[at] ^= (uint8_t)(1 << rand() % 8); break;
        case 2: bytes[at] = 0xc0, bytes[(at + 1) % *size] = (uint8_t)(rand() % 64); break;
        case 3: *size = at + 1; break;
        default:
            if (*size < 480) memmove(bytes + at + 8, bytes + at, *size - at), *size += 8;
        }
    }
}

static void zones_begin(struct zones *zones, struct zone **ret_zone) {
    assert_int_equal(zones_init(zones, AT_FDCWD), 0);
    *ret_zone = zone_acquire(zones, NETWORK);
    assert_non_null(*ret_zone);
    zone_put(zones, *ret_zone, WEB,
             "address 10.9.0.2\naddress fd00::2\naddress nonsense\nname Web\nname both\n");
}

static void test_mutations(void **state) {
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } seeds[] = {{query, SIZE(query)}, {edns, SIZE(edns)}, {reverse, SIZE(reverse)}, {sound, SIZE(sound)}};
    struct zones zones;
    struct zone *zone;
    struct scope scope;
    (void)state;
    srand(1);
    zones_begin(&zones, &zone);
    assert_int_equal(scope_init(&scope, &zones, "container " WEB "\nnetwork " NETWORK " backend\n"), 0);
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[512];
        size_t size = seeds[i % 4].size;
        memcpy(bytes, seeds[i % 4].bytes, size);
        if (i >= 4) mutate(bytes, &size);
        uint8_t *exact = malloc(size);
        memcpy(exact, bytes, size);
        ask(&scope, exact, size);
        (void)message_is_sound(exact, size);
        free(exact);
    }
    scope_finish(&scope);
    zone_release(&zones, zone);
    close(zones.inotify);
}

static void test_zone(void **state) {
    struct zones zones;
    struct zone *zone;
    struct zone_address found[4];
    size_t count;
    (void)state;
    zones_begin(&zones, &zone);
    assert_int_equal(zone_find(&zones, zone, "web", 4, found, 4, &count), 2); // one of each version
    assert_int_equal(count, 1);
    assert_int_equal(zone_find(&zones, zone, "222222222222", 16, found, 4, &count), 2);
    assert_int_equal(zone_find(&zones, zone, "nobody", 4, found, 4, &count), 0);
    assert_string_equal(zone_find_address(&zones, zone, (uint8_t[]){10, 9, 0, 2}, 4), "Web");
    assert_null(zone_find_address(&zones, zone, (uint8_t[]){10, 9, 0, 3}, 4));
    zone_put(&zones, zone, WEB, "address 10.9.0.3\nname other\n"); // renamed
    assert_int_equal(zone_find(&zones, zone, "web", 4, found, 4, &count), 0);
    assert_int_equal(zone_find(&zones, zone, "other", 4, found, 4, &count), 1);
    for (int i = 0; i < 1000; i++) { // through several sizes of the table
        char id[ID_SIZE], text[64];
        snprintf(id, sizeof id, "%064x", i);
        snprintf(text, sizeof text, "address 10.1.%d.%d\nname n%d\nname all\n", i / 256, i % 256, i);
        zone_put(&zones, zone, id, text);
    }
    assert_int_equal(zone_find(&zones, zone, "n999", 4, found, 4, &count), 1);
    assert_int_equal(found[0].bytes[3], 999 % 256);
    assert_int_equal(zone_find(&zones, zone, "all", 4, found, 4, &count), 1000);
    assert_int_equal(count, 4); // as many as there is room for
    zone_release(&zones, zone);
    assert_null(zone_acquire(&zones, "../../etc"));
    close(zones.inotify);
}

// Names that no message can say: backwards it is the short id.
static void test_unsayable(void **state) {
    struct zones zones;
    struct zone *zone;
    char text[256] = "address 10.9.0.2\nname ";
    (void)state;
    zones_begin(&zones, &zone);
    memset(text + strlen(text), 'x', ZONE_LABEL_MAX + 1);
    zone_put(&zones, zone, WEB, text);
    assert_string_equal(zone_find_address(&zones, zone, (uint8_t[]){10, 9, 0, 2}, 4), "222222222222");
    zone_put(&zones, zone, WEB, "address 10.9.0.2\nname a..b\n");
    assert_string_equal(zone_find_address(&zones, zone, (uint8_t[]){10, 9, 0, 2}, 4), "222222222222");
    zone_put(&zones, zone, WEB, "address 10.9.0.2\nname a.b-c_d\n");
    assert_string_equal(zone_find_address(&zones, zone, (uint8_t[]){10, 9, 0, 2}, 4), "a.b-c_d");
    zone_release(&zones, zone);
    close(zones.inotify);
}

static void record_write(const char *id, const char *text) {
    char path[2 * ID_SIZE + 1];
    snprintf(path, sizeof path, NETWORK "/%s", id);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// More changes than the kernel keeps for somebody who does not look: all records are read again.
static void test_overflow(void **state) {
    char folder[] = "/tmp/hoy-zones-XXXXXX", id[2][ID_SIZE];
    struct zones zones;
    struct zone_address found[4];
    size_t count, most = 0;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    (void)state;
    if (limit && fscanf(limit, "%zu", &most) != 1) most = 0;
    if (limit) fclose(limit);
    if (!most || most > 100000) skip();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir(NETWORK, 0700), 0);
    assert_int_equal(zones_init(&zones, AT_FDCWD), 0);
    for (int i = 0; i < 2; i++) snprintf(id[i], ID_SIZE, "%064x", i);
    record_write(WEB, "address 10.9.0.2\nname before\n");
    record_write(id[0], "address 10.9.0.3\nname gone\n");
    struct zone *zone = zone_acquire(&zones, NETWORK);
    assert_int_equal(zone_find(&zones, zone, "before", 4, found, 4, &count), 1);
    // In turns: two that are the same are one.
    for (size_t i = 0; i <= most; i++) record_write(id[i % 2], "address 10.9.0.4\nname gone\n");
    record_write(WEB, "address 10.9.0.5\nname after\n");
    zones_update(&zones);
    assert_int_equal(zone_find(&zones, zone, "before", 4, found, 4, &count), 0);
    assert_int_equal(zone_find(&zones, zone, "after", 4, found, 4, &count), 1);
    assert_int_equal(zone_find(&zones, zone, "gone", 4, found, 4, &count), 2);
    zone_release(&zones, zone);
    close(zones.inotify);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(dir_remove_all_at(AT_FDCWD, folder), 0);
}

static void test_scope_texts(void **state) {
    struct zones zones;
    struct scope scope;
    static const char *const bad[] = {"",
                                      "network " NETWORK " backend\n",
                                      "container x\nnetwork ../x backend\n",
                                      "container x\nnetwork " NETWORK "\n",
                                      "container x\nalias web\n",
                                      "container x\nsomething else\n",
                                      "container\n"};
    (void)state;
    assert_int_equal(zones_init(&zones, AT_FDCWD), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(scope_init(&scope, &zones, bad[i]), -EINVAL);
    assert_true(!zones.list.first); // what was acquired is given back
    close(zones.inotify);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_answers),
        cmocka_unit_test(test_reverse_names), cmocka_unit_test(test_servers),
        cmocka_unit_test(test_mutations),     cmocka_unit_test(test_zone),
        cmocka_unit_test(test_scope_texts),   cmocka_unit_test(test_sound),
        cmocka_unit_test(test_pointers),      cmocka_unit_test(test_unsayable),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
