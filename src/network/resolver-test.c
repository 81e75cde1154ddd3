// SPDX-License-Identifier: Apache-2.0
// What the resolver answers, and whom it asks.
#include "base/fd.h"
#include "network/resolver_rig.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_names(void **state) {
    struct container a, b;
    static struct answer answer;
    (void)state;
    two_containers(&a, &b, "gateway 10.9.0.1\nalias store db\n");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    expect_address(&b, "WEB", TYPE_AAAA, "fd00:9::2");
    expect_address(&b, "www", TYPE_A, "10.9.0.2");
    expect_address(&b, "web.backend", TYPE_A, "10.9.0.2");
    expect_address(&b, "aaaaaaaaaaaa", TYPE_A, "10.9.0.2");
    expect_address(&b, "store", TYPE_A, "10.9.0.3");
    expect_address(&b, "host.docker.internal", TYPE_A, "10.9.0.1");
    expect_code(&b, "db", TYPE_AAAA, NOERROR);
    expect_code(&b, "db", TYPE_MX, NOERROR);
    ask(&a, "3.0.9.10.in-addr.arpa", TYPE_PTR, &answer);
    assert_int_equal(answer.count, 1);
    size_t size;
    const uint8_t *name = answer_data(&answer, 0, &size);
    assert_memory_equal(name, "\2db\7backend", 12);
    container_end(&a);
    container_end(&b);
}

static void test_turns(void **state) {
    struct container a, b;
    static struct answer answer;
    char first[2][INET6_ADDRSTRLEN];
    (void)state;
    two_containers(&a, &b, "");
    for (int i = 0; i < 2; i++) {
        ask(&a, "both", TYPE_A, &answer);
        assert_int_equal(answer.count, 2);
        answer_text(&answer, 0, first[i]);
    }
    assert_string_not_equal(first[0], first[1]);
    container_end(&a);
    container_end(&b);
}

// What is written before somebody asks is known to who asks, however short before that.
static void test_changes(void **state) {
    struct container a, b;
    struct err err;
    char name[16], address[16];
    (void)state;
    two_containers(&a, &b, "");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%d", i);
        snprintf(address, sizeof address, "10.9.1.%d", i);
        container_names(&b, NETWORK, LIST(address), LIST(name));
        expect_address(&a, name, TYPE_A, address);
    }
    assert_int_equal(names_remove(runroot, NETWORK, b.id, &err), 0);
    expect_address(&a, "n199", TYPE_A, "192.0.2.1"); // the server's
    container_end(&a);
    container_end(&b);
}

static void test_scope(void **state) {
    struct container a, b;
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    (void)state;
    two_containers(&a, &b, "");
    container_names(&b, OTHER, LIST("10.8.0.3"), LIST("hidden"));
    expect_address(&a, "hidden", TYPE_A, "192.0.2.1");
    container_text(&a, "network " OTHER " front.end\n", &text);
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    expect_address(&a, "hidden", TYPE_A, "10.8.0.3");
    expect_address(&a, "hidden.front.end", TYPE_A, "10.8.0.3");
    expect_address(&b, "hidden", TYPE_A, "192.0.2.1");
    assert_int_equal(resolver_update(runroot, NETWORK, OTHER, str_get(&text), &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    container_end(&a);
    container_end(&b);
}

static void test_forward(void **state) {
    struct container a, b;
    static struct answer answer;
    (void)state;
    two_containers(&a, &b, "");
    expect_address(&a, "good.example", TYPE_A, "192.0.2.1");
    expect_address(&a, "spoof.example", TYPE_A, "192.0.2.1");
    expect_code(&a, "missing.example", TYPE_A, NXDOMAIN);
    expect_code(&a, "servfail.example", TYPE_A, SERVFAIL);
    expect_code(&a, "broken.example", TYPE_A, SERVFAIL);
    expect_code(&a, "loop.example", TYPE_A, SERVFAIL);
    ask(&a, "bare.example", TYPE_A, &answer);
    assert_int_equal(answer.code, SERVFAIL);
    assert_false(answer.truncated); // nothing of it is passed on, nor what the buffer held behind it
    ask(&a, "large.example", TYPE_A, &answer);
    assert_true(answer.truncated);
    ask_tcp(&a, "large.example", TYPE_A, &answer);
    assert_int_equal(answer.count, 1);
    ask_tcp(&a, "web", TYPE_A, &answer);
    assert_int_equal(answer.count, 1);
    container_end(&a);
    container_end(&b);
}

// Nobody answers at the first; the second is asked, and then first.
// Its own servers are those that it reaches itself: the host's 127.0.0.1 is another one.
static void test_servers(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "server fd00::99\nserver 127.0.0.1\n");
    expect_code(&a, "good.example", TYPE_A, SERVFAIL);
    pid_t server = container_upstream(&a);
    expect_address(&a, "good.example", TYPE_A, "192.0.2.1");
    expect_address(&a, "spoof.example", TYPE_A, "192.0.2.1");
    expect_code(&b, "good.example", TYPE_A, SERVFAIL);
    expect_code(&a, "silent.example", TYPE_A, SERVFAIL);
    upstream_end(server);
    container_end(&a);
    container_end(&b);
}

// More questions than there are sockets in the container, at once and one after the other.
static void test_many_questions(void **state) {
    struct container a, b;
    static struct answer answer;
    uint8_t bytes[512];
    (void)state;
    two_containers(&a, &b, "server 127.0.0.1\n");
    pid_t server = container_upstream(&a);
    _cleanup_(fd_closep) int fd = ask_socket(&a, SOCK_DGRAM);
    for (uint16_t i = 0; i < 100; i++) {
        size_t size = query_make(bytes, i, i % 10 ? "good.example" : "missing.example", TYPE_A);
        assert_int_equal(send(fd, bytes, size, 0), size);
    }
    for (int i = 0; i < 100; i++) {
        ssize_t n = recv(fd, answer.bytes, sizeof answer.bytes, 0);
        assert_true(n > 1);
        answer_read(&answer, n, answer.bytes[1]);
        assert_int_equal(answer.code, answer.bytes[1] % 10 ? NOERROR : NXDOMAIN);
    }
    for (int i = 0; i < 20; i++) {
        ask_tcp(&a, "good.example", TYPE_A, &answer);
        assert_int_equal(answer.count, 1);
    }
    upstream_end(server);
    container_end(&a);
    container_end(&b);
}

// The first attempt is answered when there has been another one.
static void test_slow(void **state) {
    struct container a, b;
    static struct answer answer;
    uint8_t bytes[512];
    (void)state;
    two_containers(&a, &b, "");
    size_t size = query_make(bytes, 0x1234, "slow.example", TYPE_A);
    _cleanup_(fd_closep) int fd = ask_socket(&a, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, size, 0), size);
    ask_tcp(&b, "slow.example", TYPE_A, &answer);
    assert_int_equal(answer.count, 1);
    answer_read(&answer, recv(fd, answer.bytes, sizeof answer.bytes, 0), 0x1234);
    assert_int_equal(answer.count, 1);
    container_end(&a);
    container_end(&b);
}

static void test_host_changes(void **state) {
    struct container a, b;
    static struct answer answer;
    (void)state;
    two_containers(&a, &b, "");
    host_servers("nameserver 127.0.0.77\n"); // nobody there
    for (int i = 0; i < 1000; i++) {
        ask(&a, "good.example", TYPE_A, &answer);
        if (answer.code == SERVFAIL) break;
    }
    assert_int_equal(answer.code, SERVFAIL);
    host_servers("# a comment\nnameserver 127.0.0.1\n");
    for (int i = 0; i < 1000 && answer.code; i++) ask(&a, "good.example", TYPE_A, &answer);
    assert_int_equal(answer.code, NOERROR);
    container_end(&a);
    container_end(&b);
}

static void test_internal(void **state) {
    struct container a;
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    (void)state;
    require_root();
    container_begin(&a, 'a');
    container_names(&a, NETWORK, LIST("10.9.0.2"), LIST("web"));
    container_register(&a, "server 127.0.0.1\n");
    str_printf(&text, "container %s\nnetwork " NETWORK " backend internal\n", a.id);
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    expect_address(&a, "web", TYPE_A, "10.9.0.2");
    expect_code(&a, "good.example", TYPE_A, SERVFAIL);
    // Where the C library goes on with the next name, it has to hear that there is none.
    str_printf(&text, "ndots\n");
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    expect_code(&a, "good.example", TYPE_A, NXDOMAIN);
    // Its own server is one that it reaches.
    str_printf(&text, "server 127.0.0.1\n");
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    pid_t server = container_upstream(&a);
    expect_address(&a, "good.example", TYPE_A, "192.0.2.1");
    upstream_end(server);
    container_end(&a);
}

static void test_ndots(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "ndots\n");
    expect_address(&a, "web", TYPE_A, "10.9.0.2");
    expect_code(&a, "single", TYPE_A, NXDOMAIN);
    expect_address(&a, "good.example", TYPE_A, "192.0.2.1");
    container_end(&a);
    container_end(&b);
}

static void test_bad_messages(void **state) {
    struct container a, b;
    static struct answer answer;
    uint8_t bytes[4200] = {0};
    (void)state;
    two_containers(&a, &b, "");
    size_t size = query_make(bytes, 0x1234, "web", TYPE_A);
    ask_bytes(&a, bytes, size - 1, &answer);
    assert_int_equal(answer.code, FORMERR);
    ask_bytes(&a, bytes, 12, &answer);
    assert_int_equal(answer.code, FORMERR);
    bytes[12] = 0xc0, bytes[13] = 12; // a name that is a pointer to itself
    ask_bytes(&a, bytes, size, &answer);
    assert_int_equal(answer.code, FORMERR);
    _cleanup_(fd_closep) int fd = ask_socket(&a, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, 11, 0), 11);
    assert_int_equal(send(fd, bytes, 0, 0), 0);
    assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    bytes[2] |= 0x80; // an answer
    assert_int_equal(send(fd, bytes, size, 0), size);
    size = query_make(bytes, 0x77, "web", TYPE_A);
    assert_int_equal(send(fd, bytes, size, 0), size);
    answer_read(&answer, recv(fd, answer.bytes, sizeof answer.bytes, 0), 0x77); // to none of those before
    assert_int_equal(answer.count, 1);
    container_end(&a);
    container_end(&b);
}

// One asks what nobody answers, as much as it can; the other is served.
static void test_flood(void **state) {
    struct container a, b;
    uint8_t bytes[512];
    unsigned refused = 0;
    static struct answer answer;
    (void)state;
    two_containers(&a, &b, "");
    _cleanup_(fd_closep) int fd = ask_socket(&a, SOCK_DGRAM);
    size_t size = query_make(bytes, 1, "silent.example", TYPE_A);
    for (int i = 0; i < 2000; i++) {
        (void)send(fd, bytes, size, 0);
        if (recv(fd, answer.bytes, sizeof answer.bytes, MSG_DONTWAIT) > 0) refused++;
        if (i % 500 == 0) expect_address(&b, "good.example", TYPE_A, "192.0.2.1");
    }
    expect_address(&b, "good.example", TYPE_A, "192.0.2.1");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    if (!refused) answer_read(&answer, recv(fd, answer.bytes, sizeof answer.bytes, 0), 1);
    container_end(&a);
    container_end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_turns),
        cmocka_unit_test(test_changes),        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_forward),        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_many_questions), cmocka_unit_test(test_slow),
        cmocka_unit_test(test_host_changes),   cmocka_unit_test(test_internal),
        cmocka_unit_test(test_ndots),          cmocka_unit_test(test_bad_messages),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, resolver_rig_setup, resolver_rig_teardown);
}
