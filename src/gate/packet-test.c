// SPDX-License-Identifier: Apache-2.0
#include "gate/packet.h"

#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static int prepare(uint8_t *packet, size_t size, struct sockaddr_storage *ret_to) {
    socklen_t to_size = 0;
    memset(ret_to, 0, sizeof *ret_to);
    return packet_prepare(packet, size, 7, ret_to, &to_size);
}

// A SYN from 192.0.2.2:40000 to 192.0.2.1:8080, as a capture of the wire has it.
static const uint8_t syn[] = {0x45, 0x00, 0x00, 0x28, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06,
                              0xa4, 0x98, 0xc0, 0x00, 0x02, 0x02, 0xc0, 0x00, 0x02, 0x01,
                              0x9c, 0x40, 0x1f, 0x90, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
                              0x00, 0x00, 0x50, 0x02, 0xff, 0xff, 0x70, 0x0d, 0x00, 0x00};

static void test_tcp(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[sizeof syn];
    (void)state;
    memcpy(packet, syn, sizeof syn);
    packet[36] = 0xde; // half a checksum
    packet[37] = 0xad;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    assert_memory_equal(packet, syn, sizeof syn);
    assert_int_equal(to.ss_family, AF_INET);
    assert_int_equal(ntohl(((struct sockaddr_in *)&to)->sin_addr.s_addr), 0xc0000201);
}

// RFC 9260's checksum is CRC32c, low byte first.
static void test_sctp(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[20 + 16] = {0x45, 0, 0, 36, 0, 1, 0, 0, 64, 132, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1};
    (void)state;
    packet[20 + 9] = 7;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    // Of sixteen zeros: what the field itself holds does not count.
    assert_memory_equal(packet + 28, "\xea\x9a\x70\x42", 4);
}

static void test_icmpv6(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[40 + 8] = {0x60, 0,        0,   0, 0,    8,    58, 64, 0xfd, [23] = 2,
                              0xfd, [39] = 1, 128, 0, 0xff, 0xff, 0,  1,  0,    1};
    (void)state;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    assert_int_equal(to.ss_family, AF_INET6);
    // ~(fd00 + 2 + fd00 + 1 + 8 + 58 + 8000 + 1 + 1)
    uint32_t sum = 0xfd00 + 2 + 0xfd00 + 1 + 8 + 58 + 0x8000 + 1 + 1;
    sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    assert_int_equal(packet[42] << 8 | packet[43], sum);
}

// Goes on to its group, on the link that it came by; from nobody, or forwarded before, it is left where it
// is.
static void test_neighbour(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[40 + 24] = {0x60, 0,        0,    0, 0,           24,       58, 255,
                               0xfd, [23] = 2, 0xff, 2, [37] = 0xff, [39] = 1, 135};
    (void)state;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    assert_int_equal(((struct sockaddr_in6 *)&to)->sin6_scope_id, 7);
    packet[40] = 136;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    packet[40] = 134; // a router's word
    assert_int_equal(prepare(packet, sizeof packet, &to), -EADDRNOTAVAIL);
    packet[40] = 135;
    packet[7] = 254;
    assert_int_equal(prepare(packet, sizeof packet, &to), -EADDRNOTAVAIL);
    packet[7] = 255;
    packet[8] = 0;
    assert_int_equal(prepare(packet, sizeof packet, &to), -EADDRNOTAVAIL);
}

// What a packet says of itself is compared with what is there.
static void test_malformed(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[sizeof syn];
    (void)state;
    for (size_t size = 0; size < sizeof syn; size++) {
        memcpy(packet, syn, sizeof syn);
        assert_int_equal(prepare(packet, size, &to), -EBADMSG);
    }
    const struct {
        int at;
        uint8_t value;
        int expected;
    } rows[] = {
        {0, 0x44, -EBADMSG},       // a header shorter than a header
        {0, 0x4f, -EBADMSG},       // longer than the packet
        {0, 0x75, -EBADMSG},       // of no version
        {3, 0x29, -EBADMSG},       // longer than what is there
        {6, 0x20, -EBADMSG},       // a piece
        {7, 0x01, -EBADMSG},       // a later piece
        {16, 224, -EADDRNOTAVAIL}, // to a group
        {12, 255, -EADDRNOTAVAIL}, // from everybody
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memcpy(packet, syn, sizeof syn);
        packet[rows[i].at] = rows[i].value;
        assert_int_equal(prepare(packet, sizeof packet, &to), rows[i].expected);
    }
}

static void test_short_transport(void **state) {
    struct sockaddr_storage to;
    (void)state;
    const uint8_t protocols[] = {6, 17, 132, 1, 58, 47};
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
        for (uint8_t n = 20; n < 40; n++) {
            uint8_t packet[40] = {0x45, 0, 0,   n, 0, 1, 0,   0, 64, protocols[i],
                                  0,    0, 192, 0, 2, 2, 192, 0, 2,  1};
            assert_int_equal(prepare(packet, n, &to), 0);
        }
}

static void test_link_local(void **state) {
    struct sockaddr_storage to;
    uint8_t packet[48] = {0x60, 0, 0, 0, 0, 8, 17, 64, 0xfe, 0x80, [23] = 2, 0xfd, [39] = 1};
    (void)state;
    assert_int_equal(prepare(packet, sizeof packet, &to), -EADDRNOTAVAIL);
    packet[8] = 0xfd;
    assert_int_equal(prepare(packet, sizeof packet, &to), 0);
    packet[6] = 44;
    assert_int_equal(prepare(packet, sizeof packet, &to), -EBADMSG);
    packet[6] = 17;
    packet[24] = 0xff;
    assert_int_equal(prepare(packet, sizeof packet, &to), -EADDRNOTAVAIL);
}

// Puts the pieces together again.
struct whole {
    uint8_t bytes[PACKET_MAX];
    size_t size;
    int pieces, fails;
    size_t header, offset_at, skip;
    bool last;
};

static int gather(const uint8_t *packet, size_t size, void *data) {
    struct whole *w = data;
    if (w->fails && w->pieces == 1) return -EPERM;
    assert_true(size <= PACKET_WHOLE);
    assert_false(w->last);
    unsigned word = (unsigned)packet[w->offset_at] << 8 | packet[w->offset_at + 1];
    bool v6 = packet[0] >> 4 == 6;
    size_t at = v6 ? word & 0xfff8u : (word & 0x1fffu) * 8u;
    size_t stated = (size_t)packet[v6 ? 4 : 2] << 8 | packet[v6 ? 5 : 3];
    assert_int_equal(stated + (v6 ? 40 : 0), size);
    w->last = v6 ? !(word & 1) : !(word & 0x2000);
    assert_int_equal(at, w->size);
    memcpy(w->bytes + at, packet + w->skip, size - w->skip);
    w->size += size - w->skip;
    w->pieces++;
    return 0;
}

static void test_cut(void **state) {
    static uint8_t packet[9000];
    (void)state;
    for (size_t i = 0; i < sizeof packet; i++) packet[i] = (uint8_t)(i * 7);
    const struct {
        uint8_t first;
        size_t size, header, offset_at, skip;
        int pieces;
    } rows[] = {
        {0x45, 1281, 20, 6, 20, 2},  {0x45, 9000, 20, 6, 20, 8},  {0x4f, 9000, 60, 6, 60, 8},
        {0x60, 1281, 40, 42, 48, 2}, {0x60, 9000, 40, 42, 48, 8},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct whole w = {.offset_at = rows[i].offset_at, .skip = rows[i].skip};
        packet[0] = rows[i].first;
        assert_int_equal(packet_cut(packet, rows[i].size, 77, gather, &w), 0);
        assert_int_equal(w.pieces, rows[i].pieces);
        assert_true(w.last);
        assert_int_equal(w.size, rows[i].size - rows[i].header);
        assert_memory_equal(w.bytes, packet + rows[i].header, w.size);
        struct whole fails = {.offset_at = rows[i].offset_at, .skip = rows[i].skip, .fails = 1};
        assert_int_equal(packet_cut(packet, rows[i].size, 77, gather, &fails), -EPERM);
    }
}

static int count(const uint8_t *packet, size_t size, void *data) {
    (void)packet;
    *(size_t *)data += size;
    return 0;
}

static void test_whole(void **state) {
    size_t sent = 0;
    (void)state;
    assert_int_equal(packet_cut(syn, sizeof syn, 1, count, &sent), 0);
    assert_int_equal(sent, sizeof syn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),        cmocka_unit_test(test_sctp),
        cmocka_unit_test(test_icmpv6),     cmocka_unit_test(test_neighbour),
        cmocka_unit_test(test_malformed),  cmocka_unit_test(test_short_transport),
        cmocka_unit_test(test_link_local), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
