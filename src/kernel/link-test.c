// SPDX-License-Identifier: Apache-2.0
// In network namespaces of the test's own: nothing of the machine's network is touched.
#include "kernel/link_settings.h"

#include "base/fd.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t mac[6] = {2, 0x42, 10, 208, 0, 1}, peer_mac[6] = {2, 0x42, 10, 208, 0, 9};

static void namespace_enter(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) skip();
}

// A process with a network namespace of its own, which lives until it is killed.
static pid_t namespace_process(void) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET)) _exit(1);
        if (write(ready[1], "", 1) != 1) _exit(1);
        for (;;) pause();
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void process_end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int in_namespace_of(pid_t pid, int (*check)(void)) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDONLY);
        _exit(setns(fd, CLONE_NEWNET) ? 99 : check());
    }
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void test_bridge(void **state) {
    namespace_enter(state);
    struct link link;
    assert_int_equal(link_index("hoy0"), -ENODEV);
    assert_int_equal(link_get("hoy0", &link), -ENODEV);
    assert_int_equal(bridge_create("hoy0", mac, "hoy /srv/x"), 0);
    assert_int_equal(bridge_create("hoy0", mac, NULL), -EEXIST);
    assert_int_equal(link_get("hoy0", &link), 0);
    assert_false(link.up);
    assert_int_equal(link_up("hoy0"), 0);
    assert_int_equal(link_get("hoy0", &link), 0);
    assert_true(link.up);
    assert_string_equal(link.kind, "bridge");
    assert_string_equal(link.alias, "hoy /srv/x");
    assert_memory_equal(link.mac, mac, 6);
    assert_int_equal(link_index("hoy0"), link.index);
    assert_int_equal(link_delete("hoy0"), 0);
    assert_int_equal(link_delete("hoy0"), -ENODEV);
}

static void test_peek(void **state) {
    const uint8_t own[4] = {10, 208, 0, 1}, other[4] = {10, 208, 0, 2}, of_lo[4] = {127, 0, 0, 1};
    uint8_t found[6];
    bool up = true;
    namespace_enter(state);
    assert_int_equal(link_peek("hoy0", &up, found), -ENODEV);
    assert_false(link_has_address("hoy0", own));
    assert_int_equal(bridge_create("hoy0", mac, NULL), 0);
    assert_int_equal(link_peek("hoy0", &up, found), 0);
    assert_false(up);
    assert_memory_equal(found, mac, 6);
    assert_int_equal(address_add("hoy0", AF_INET, own, 24), 0);
    assert_int_equal(link_up("hoy0") || link_up("lo"), 0);
    assert_int_equal(link_peek("hoy0", &up, found), 0);
    assert_true(up);
    assert_true(link_has_address("hoy0", own));
    assert_false(link_has_address("hoy0", other)); // only reached by it
    assert_false(link_has_address("hoy0", of_lo));
    assert_true(link_has_address("lo", of_lo));
}

static void test_names(void **state) {
    namespace_enter(state);
    assert_int_equal(link_up("nosuch"), -ENODEV);
    assert_int_equal(link_up(""), -ENODEV);
    assert_int_equal(link_delete("a-name-of-more-than-15"), -ENODEV);
    assert_int_equal(bridge_create("a-name-of-more-than-15", mac, NULL), -EINVAL);
}

static const uint8_t gateway[4] = {10, 208, 0, 1}, address[4] = {10, 208, 0, 9};

static int container_side(void) {
    struct link link;
    if (link_get("eth0", &link) || link.up || link.mtu != 1400 || memcmp(link.mac, peer_mac, 6)) return 1;
    if (link_up("lo") || link_up("eth0")) return 2;
    if (address_add("eth0", AF_INET, address, 22)) return 3;
    if (address_add("eth0", AF_INET, address, 22)) return 4; // again is fine
    if (!link_has_address("eth0", address) || link_has_address("eth0", gateway)) return 5;
    struct route route = {.link = "eth0", .family = AF_INET, .gateway = gateway};
    if (route_add(&route)) return 6;
    if (route_add(&route) != -EEXIST) return 7;
    route.gateway = (uint8_t[]){203, 0, 113, 1};
    if (route_add(&route) == 0) return 8;
    if (strcmp(netlink_error_text(), "Nexthop has invalid gateway")) return 9;
    if (address_add("eth0", AF_INET, address, 33) != -EINVAL) return 10;
    // The other end answers.
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    memcpy(&to.sin_addr, gateway, 4);
    return connect(fd, (struct sockaddr *)&to, sizeof to) && errno == ECONNREFUSED ? 0 : 11;
}

static void test_veth(void **state) {
    namespace_enter(state);
    pid_t pid = namespace_process();
    struct veth veth = {
        .host = "hoy012345678901", .peer = "eth0", .netns_pid = pid, .mac = peer_mac, .mtu = 1400};
    assert_int_equal(bridge_create("hoy0", mac, NULL), 0);
    assert_int_equal(address_add("hoy0", AF_INET, gateway, 22), 0);
    assert_int_equal(link_up("hoy0"), 0);
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(veth_create(&veth), -EEXIST);
    assert_int_equal(link_set_master(veth.host, "hoy1"), -ENODEV);
    assert_int_equal(link_set_master(veth.host, "hoy0"), 0);
    struct link link, bridge;
    size_t ports;
    assert_int_equal(link_get(veth.host, &link), 0);
    assert_int_equal(link_get("hoy0", &bridge), 0);
    assert_true(link.up);
    assert_int_equal(link.master, bridge.index);
    assert_int_equal(link_count_ports(bridge.index, &ports), 0);
    assert_int_equal(ports, 1);
    assert_int_equal(in_namespace_of(pid, container_side), 0);
    assert_int_equal(link_delete(veth.host), 0);
    assert_int_equal(link_count_ports(bridge.index, &ports), 0);
    assert_int_equal(ports, 0);
    process_end(pid);
    veth.netns_pid = pid;
    assert_int_equal(veth_create(&veth), -ESRCH);
    assert_int_equal(link_index(veth.host), -ENODEV);
}

static int route_find(uint32_t destination, uint8_t prefix, void *data) {
    if (destination == 0x0ad00000 && prefix == 22) ++*(int *)data;
    return 0;
}

static int route_refuse(uint32_t destination, uint8_t prefix, void *data) {
    (void)destination, (void)prefix, (void)data;
    return -ECANCELED;
}

static void test_routes(void **state) {
    namespace_enter(state);
    int found = 0;
    assert_int_equal(route_each(route_find, &found), 0);
    assert_int_equal(found, 0);
    assert_int_equal(bridge_create("hoy0", mac, NULL), 0);
    assert_int_equal(address_add("hoy0", AF_INET, gateway, 22), 0);
    assert_int_equal(link_up("hoy0"), 0);
    assert_int_equal(route_each(route_find, &found), 0);
    assert_int_equal(found, 1);
    assert_int_equal(route_each(route_refuse, NULL), -ECANCELED);
}

// Lengths that lie.
static void test_parse(void **state) {
    (void)state;
    struct {
        struct nlattr head;
        uint32_t value;
    } one = {{8, 1}, 7};
    const struct nlattr *table[2] = {0};
    uint32_t value;
    assert_int_equal(netlink_parse(&one, sizeof one, table, 2), 0);
    assert_int_equal(netlink_get(table[1], &value, 4), 0);
    assert_int_equal(value, 7);
    assert_int_equal(netlink_get(table[0], &value, 4), -ENODATA);
    assert_int_equal(netlink_get(table[1], &value, 2), -EBADMSG);
    assert_int_equal(netlink_parse(&one, 7, table, 2), -EBADMSG);
    assert_int_equal(netlink_parse(&one, 3, table, 2), -EBADMSG);
    one.head.nla_len = 3;
    assert_int_equal(netlink_parse(&one, sizeof one, table, 2), -EBADMSG);
    one.head.nla_len = 65535;
    assert_int_equal(netlink_parse(&one, sizeof one, table, 2), -EBADMSG);
    one.head = (struct nlattr){8, 9}; // a type we do not know
    table[1] = NULL;
    assert_int_equal(netlink_parse(&one, sizeof one, table, 2), 0);
    assert_null(table[1]);
}

static void test_text(void **state) {
    (void)state;
    struct {
        struct nlattr head;
        char text[8];
    } name = {{12, 1}, "abcdefgh"}; // no NUL
    char text[16], cut[4];
    netlink_get_string(&name.head, text, sizeof text);
    assert_string_equal(text, "abcdefgh");
    netlink_get_string(&name.head, cut, sizeof cut);
    assert_string_equal(cut, "abc");
    netlink_get_string(NULL, cut, sizeof cut);
    assert_string_equal(cut, "");
}

// A batch that is too long is refused whole, not cut.
static void test_overflow(void **state) {
    (void)state;
    struct netlink_batch batch = {0};
    char block[3000] = {0};
    netlink_begin(&batch, RTM_GETLINK, 0, NULL, 0);
    for (int i = 0; i < 3; i++) netlink_put(&batch, 1, block, sizeof block);
    size_t nest = netlink_nest(&batch, 2);
    netlink_end(&batch, nest);
    assert_true(batch.overflow);
    assert_true(batch.used <= sizeof batch.bytes);
    assert_int_equal(netlink_call(-1, &batch, NULL, NULL), -EMSGSIZE);
    batch = (struct netlink_batch){0};
    for (int i = 0; i < 33; i++) netlink_begin(&batch, RTM_GETLINK, NLM_F_ACK, NULL, 0);
    assert_false(batch.overflow);
    netlink_optional(&batch); // of the first 32 alone
    assert_true(batch.overflow);
}

// A batch that may grow takes what comes, up to what an attribute can have.
static void test_growing(void **state) {
    (void)state;
    struct netlink_batch batch = {.growing = true};
    char block[3000];
    memset(block, 'x', sizeof block);
    netlink_begin(&batch, RTM_GETLINK, 0, NULL, 0);
    size_t nest = netlink_nest(&batch, 2);
    for (int i = 0; i < 20; i++) netlink_put(&batch, 1, block, sizeof block);
    netlink_end(&batch, nest);
    assert_false(batch.overflow);
    const struct nlmsghdr *message = (const struct nlmsghdr *)netlink_batch_bytes(&batch);
    const struct nlattr *table[3] = {0}, *inner;
    assert_int_equal(message->nlmsg_len, batch.used);
    assert_int_equal(netlink_parse(message + 1, batch.used - sizeof *message, table, 3), 0);
    const void *at = table[2] + 1;
    size_t size = table[2]->nla_len - sizeof *table[2];
    int count = 0;
    for (; (inner = netlink_next(&at, &size)); count++) assert_memory_equal(inner + 1, block, sizeof block);
    assert_int_equal(count, 20);
    for (int i = 0; i < 2; i++) netlink_put(&batch, 1, block, sizeof block);
    netlink_end(&batch, nest); // more than 16 bits can say
    assert_true(batch.overflow);
    netlink_batch_finish(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_text),   cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_bridge), cmocka_unit_test(test_peek),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_veth),   cmocka_unit_test(test_routes), cmocka_unit_test(test_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
