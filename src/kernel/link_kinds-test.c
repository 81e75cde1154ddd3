// SPDX-License-Identifier: Apache-2.0
// In network namespaces of the test's own. A kind that the kernel does not have is skipped by its name.
#include "kernel/link.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/link_events.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t mac[6] = {2, 0x42, 10, 9, 0, 7};

// A host that has an interface, and the namespace of a container, which *ret_netns is.
static void setting_make(int *ret_netns) {
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) skip();
    _cleanup_(fd_closep) int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    *ret_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(setns(host, CLONE_NEWNET), 0);
    struct veth veth = {.host = "host0", .peer = "wire", .netns_fd = host};
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(link_up("wire"), 0);
}

static void skip_without(int r, const char *kind) {
    if (r != -EOPNOTSUPP) return;
    print_message("this kernel has no %s\n", kind);
    skip();
}

static void test_macvlan(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    _cleanup_(netns_leavep) int own = -1;
    setting_make(&netns);
    static const char *const each[] = {"bridge", "private", "vepa", NULL};
    struct link_child child = {.kind = "macvlan", .parent = "host0", .netns_fd = netns, .mac = mac};
    for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
        char name[8];
        snprintf(name, sizeof name, "eth%zu", i);
        child.name = name;
        child.mode = each[i];
        int r = link_child_create(&child);
        skip_without(r, child.kind);
        assert_int_equal(r, 0);
        assert_int_equal(link_child_create(&child), -EEXIST);
        child.mac = NULL; // two of a bridge can't have the same
        child.mtu = 1300;
    }
    child.name = "eth9";
    child.mode = "passthru"; // alone, or not at all
    assert_int_equal(link_child_create(&child), -EINVAL);
    child.mode = NULL;
    child.parent = "nosuch";
    assert_int_equal(link_child_create(&child), -ENODEV);
    assert_int_equal(link_index("eth0"), -ENODEV); // not here, but
    assert_int_equal(netns_enter(netns, &own), 0);
    struct link link;
    assert_int_equal(link_get("eth0", &link), 0);
    assert_string_equal(link.kind, "macvlan");
    assert_memory_equal(link.mac, mac, 6);
    assert_false(link.up);
    assert_int_equal(link_get("eth1", &link), 0);
    assert_int_equal(link.mtu, 1300);
    assert_int_equal(link_delete("eth1"), 0);
    assert_int_equal(link_index("host0"), -ENODEV);
}

static void test_passthru(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    struct link_child child = {
        .kind = "macvlan", .mode = "passthru", .parent = "host0", .name = "eth0", .netns_fd = netns};
    int r = link_child_create(&child);
    skip_without(r, child.kind);
    assert_int_equal(r, 0);
    child.name = "eth1";
    assert_true(link_child_create(&child) < 0);
}

// The namespace of whoever has the address goes away in the background, and that is waited for; while
// somebody keeps it, it is not for long.
static void test_leaving(void **state) {
    (void)state;
    _cleanup_(fd_closep) int first = -1, second = -1;
    _cleanup_(netns_leavep) int own = -1;
    setting_make(&first);
    struct link_child child = {
        .kind = "macvlan", .parent = "host0", .name = "eth0", .netns_fd = first, .mac = mac};
    int r = link_child_create(&child);
    skip_without(r, child.kind);
    assert_int_equal(r, 0);
    assert_int_equal(netns_enter(first, &own), 0);
    assert_int_equal(link_up("eth0"), 0);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    second = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    netns_leavep(&own);
    own = -1;
    _cleanup_(link_events_finish) struct link_events events = LINK_EVENTS_NONE;
    assert_false(link_events_wait(&events)); // nobody listens
    child.netns_fd = second;
    assert_int_equal(link_child_make(&child), 0);
    assert_int_equal(link_events_open(&events), 0);
    assert_int_equal(netns_enter(second, &own), 0);
    assert_int_equal(link_up("eth0"), -EADDRINUSE);
    fd_closep(&first); // its last
    first = -1;
    while ((r = link_up("eth0")) == -EADDRINUSE && link_events_wait(&events)) {}
    assert_int_equal(r, 0);
}

static void test_ipvlan(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    struct link_child child = {.kind = "ipvlan", .parent = "host0", .netns_fd = netns, .name = "eth0"};
    child.mac = mac; // it has the parent's
    assert_int_equal(link_child_create(&child), -EINVAL);
    child.mac = NULL;
    static const char *const each[] = {"l2", "l3", "l3s"}, *const flag[] = {"private", "vepa", "bridge"};
    for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
        child.mode = each[i];
        child.flag = flag[i];
        int r = link_child_create(&child);
        skip_without(r, child.kind);
        assert_int_equal(r, 0);
        _cleanup_(netns_leavep) int own = -1;
        struct link link;
        assert_int_equal(netns_enter(netns, &own), 0);
        assert_int_equal(link_get("eth0", &link), 0);
        assert_string_equal(link.kind, "ipvlan");
        assert_int_equal(link_delete("eth0"), 0);
    }
}

static void test_words(void **state) {
    (void)state;
    assert_true(link_child_has_mode("macvlan", "vepa"));
    assert_false(link_child_has_mode("macvlan", "l2"));
    assert_true(link_child_has_mode("ipvlan", "l3s"));
    assert_false(link_child_has_mode("vlan", "l3s"));
    assert_true(link_child_has_flag("ipvlan", "private"));
    assert_false(link_child_has_flag("macvlan", "private"));
    struct link_child child = {.kind = "macvlan", .mode = "l2", .parent = "lo", .name = "eth0"};
    assert_int_equal(link_child_create(&child), -EINVAL);
    child = (struct link_child){.kind = "macvlan", .flag = "vepa", .parent = "lo", .name = "eth0"};
    assert_int_equal(link_child_create(&child), -EINVAL);
    child = (struct link_child){.kind = "macvlan", .parent = "lo", .name = "a-name-of-more-than-15"};
    assert_int_equal(link_child_create(&child), -EINVAL);
}

static void test_vlan(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    assert_int_equal(vlan_create("host0.0", "host0", 0, NULL), -EINVAL);
    assert_int_equal(vlan_create("host0.x", "host0", 4095, NULL), -EINVAL);
    assert_int_equal(vlan_create("nosuch.1", "nosuch", 1, NULL), -ENODEV);
    int r = vlan_create("host0.10", "host0", 10, "hoy test");
    skip_without(r, "vlan");
    assert_int_equal(r, 0);
    assert_int_equal(vlan_create("host0.10", "host0", 10, NULL), -EEXIST);
    struct link link;
    assert_int_equal(link_get("host0.10", &link), 0);
    assert_string_equal(link.kind, "vlan");
    assert_string_equal(link.alias, "hoy test");
}

static void test_dummy(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    int r = dummy_create("dm-1", "hoy test");
    skip_without(r, "dummy");
    assert_int_equal(r, 0);
    assert_int_equal(dummy_create("dm-1", NULL), -EEXIST);
    struct link link;
    assert_int_equal(link_get("dm-1", &link), 0);
    assert_string_equal(link.kind, "dummy");
    assert_string_equal(link.alias, "hoy test");
}

static void test_rename(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    struct link link;
    assert_int_equal(link_rename("nosuch", "eth0"), -ENODEV);
    assert_int_equal(link_rename("wire", "host0"), -EEXIST);
    assert_int_equal(link_rename("wire", "a-name-of-more-than-15"), -EINVAL);
    assert_int_equal(link_get("wire", &link), 0);
    assert_true(link.up);
    assert_int_equal(link_rename("wire", "wire2"), 0);
    assert_int_equal(link_index("wire"), -ENODEV);
    assert_int_equal(link_get("wire2", &link), 0);
    assert_true(link.up);
    assert_int_equal(bridge_create("off", mac, NULL), 0);
    assert_int_equal(link_rename("off", "wire"), 0);
    assert_int_equal(link_get("wire", &link), 0);
    assert_false(link.up);
}

// A namespace's way out, from another one.
static void test_routes(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    _cleanup_(netns_leavep) int own = -1;
    setting_make(&netns);
    struct veth veth = {.host = "hoy1", .peer = "eth0", .netns_fd = netns};
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(netns_enter(netns, &own), 0);
    static const uint8_t v4[4] = {10, 9, 0, 2}, outside4[4] = {192, 0, 2, 1}, net4[4] = {198, 51, 100, 0};
    uint8_t v6[16], near6[16], outside6[16], net6[16];
    inet_pton(AF_INET6, "fd00:9::2", v6);
    inet_pton(AF_INET6, "fe80::1", near6);
    inet_pton(AF_INET6, "2001:db8::1", outside6);
    inet_pton(AF_INET6, "2001:db8:5::", net6);
    assert_int_equal(link_up("eth0"), 0);
    assert_int_equal(address_add("eth0", AF_INET, v4, 32), 0);
    assert_int_equal(address_add("eth0", AF_INET6, v6, 128), 0);
    const struct route refused = {.link = "eth0", .family = AF_INET, .gateway = outside4};
    assert_true(route_add(&refused) < 0);
    const struct route good[] = {
        {.link = "eth0", .family = AF_INET, .gateway = outside4, .gateway_is_outside = true},
        {.link = "eth0", .family = AF_INET, .prefix = 24, .destination = net4},
        {.link = "eth0", .family = AF_INET, .metric = 9},
        {.link = "eth0", .family = AF_INET6, .gateway = near6},
        {.link = "eth0", .family = AF_INET6, .gateway = outside6, .gateway_is_outside = true, .metric = 9},
        {.link = "eth0", .family = AF_INET6, .prefix = 64, .destination = net6, .gateway = near6},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        int r = route_add(&good[i]);
        if (r) print_message("%zu: %s\n", i, netlink_error_text());
        assert_int_equal(r, 0);
        assert_int_equal(route_add(&good[i]), -EEXIST);
    }
    // An address without asking whether somebody else has it can be used at once.
    _cleanup_(fd_closep) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 from = {.sin6_family = AF_INET6};
    memcpy(&from.sin6_addr, v6, 16);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(route_delete(&good[i]), 0);
        assert_int_equal(route_delete(&good[i]), -ESRCH);
    }
    struct route wrong = {.link = "eth0", .family = AF_INET, .prefix = 24};
    assert_int_equal(route_add(&wrong), -EINVAL);
    wrong = (struct route){.link = "eth0", .family = AF_INET, .prefix = 33, .destination = net4};
    assert_int_equal(route_add(&wrong), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),    cmocka_unit_test(test_macvlan), cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_passthru), cmocka_unit_test(test_ipvlan),  cmocka_unit_test(test_vlan),
        cmocka_unit_test(test_dummy),    cmocka_unit_test(test_rename),  cmocka_unit_test(test_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
