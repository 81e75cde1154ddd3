// SPDX-License-Identifier: Apache-2.0
// Bytes are sent over a pair whose ends are in two namespaces of the test's own. What takes at least so long
// has been held back; how long it takes beyond that is the machine's business, and not looked at.
#include "kernel/traffic.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "hoy0123456789ab"
#define SIZE (512u << 10)

static const uint8_t host_address[4] = {10, 9, 8, 1}, address[4] = {10, 9, 8, 2};

static void setting_make(int *ret_netns) {
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) skip();
    _cleanup_(fd_closep) int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    *ret_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(setns(host, CLONE_NEWNET), 0);
    struct veth veth = {.host = HOST, .peer = "eth0", .netns_fd = *ret_netns};
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(address_add(HOST, AF_INET, host_address, 24), 0);
    _cleanup_(netns_leavep) int own = -1;
    assert_int_equal(netns_enter(*ret_netns, &own), 0);
    assert_int_equal(address_add("eth0", AF_INET, address, 24), 0);
    assert_int_equal(link_up("eth0"), 0);
}

static int listen_on(const uint8_t bytes[4], struct sockaddr_in *ret_address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *ret_address;
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&ret_address->sin_addr, bytes, 4);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
    return fd;
}

static void send_all(const struct sockaddr_in *to) {
    static const char block[16384];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)to, sizeof *to)) _exit(1);
    for (size_t sent = 0; sent < SIZE; sent += sizeof block)
        if (send(fd, block, sizeof block, 0) < 0) _exit(1);
    _exit(0);
}

static void receive_all(int listener) {
    static char block[16384];
    size_t got = 0;
    _cleanup_(fd_closep) int fd = accept(listener, NULL, NULL);
    for (ssize_t n; (n = recv(fd, block, sizeof block, 0)) > 0;) got += (size_t)n;
    assert_int_equal(got, SIZE);
}

// How long SIZE bytes take into the namespace, or out of it.
static uint64_t transfer_ns(int netns, bool in) {
    struct sockaddr_in at;
    _cleanup_(netns_leavep) int own = -1;
    if (in) assert_int_equal(netns_enter(netns, &own), 0);
    _cleanup_(fd_closep) int listener = listen_on(in ? address : host_address, &at);
    netns_leavep(&own);
    own = -1;
    uint64_t before = clock_monotonic_ns();
    pid_t sender = fork();
    if (sender == 0) {
        if (!in && setns(netns, CLONE_NEWNET)) _exit(1);
        send_all(&at);
    }
    receive_all(listener);
    uint64_t took = clock_monotonic_ns() - before;
    int status;
    waitpid(sender, &status, 0);
    assert_int_equal(status, 0);
    return took;
}

// What a rate lets through in no less than this: all but a burst, with headers left out.
static uint64_t least_ns(uint64_t bits_per_second) {
    uint64_t burst = bits_per_second / 8 / 50 > 8192 ? bits_per_second / 8 / 50 : 8192;
    return (SIZE - burst) * 8 * 1000000000ull / bits_per_second;
}

static void skip_without(int r, const char *what) {
    if (r != -EOPNOTSUPP && r != -ENOENT) return;
    print_message("this kernel has no %s\n", what);
    skip();
}

static void test_sent(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    assert_int_equal(traffic_limit_sent("nosuch", 1000000), -ENODEV);
    assert_int_equal(traffic_limit_sent(HOST, 0), 0); // there is none
    int r = traffic_limit_sent(HOST, 10000000);
    skip_without(r, "tbf");
    assert_int_equal(r, 0);
    assert_in_range(transfer_ns(netns, true), least_ns(10000000), UINT64_MAX);
    // Half of it, in place.
    assert_int_equal(traffic_limit_sent(HOST, 5000000), 0);
    assert_in_range(transfer_ns(netns, true), least_ns(5000000), UINT64_MAX);
    assert_int_equal(traffic_limit_sent(HOST, 0), 0);
    assert_int_equal(traffic_limit_sent(HOST, 0), 0);
    assert_int_equal(traffic_limit_sent(HOST, 100000000000), 0); // beyond 32 bits of bytes
}

static void test_received(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    assert_int_equal(traffic_limit_received("nosuch", 1000000), -ENODEV);
    assert_int_equal(traffic_release(HOST), 0);
    int r = traffic_limit_received(HOST, 10000000);
    skip_without(r, "ifb");
    assert_int_equal(r, 0);
    assert_in_range(transfer_ns(netns, false), least_ns(10000000), UINT64_MAX);
    assert_int_equal(traffic_limit_received(HOST, 5000000), 0);
    assert_in_range(transfer_ns(netns, false), least_ns(5000000), UINT64_MAX);
    assert_true(link_index("ifb0123456789ab") > 0);
    assert_int_equal(traffic_limit_received(HOST, 0), 0);
    assert_int_equal(link_index("ifb0123456789ab"), -ENODEV);
    transfer_ns(netns, false); // it still receives
    assert_int_equal(traffic_limit_received(HOST, 0), 0);
}

// The helper stays when the interface goes, is used again by the next of that name, and is not taken for what
// somebody else has under its name.
static void test_helper(void **state) {
    (void)state;
    _cleanup_(fd_closep) int netns = -1;
    setting_make(&netns);
    int r = traffic_limit_received(HOST, 10000000);
    skip_without(r, "ifb");
    assert_int_equal(link_delete(HOST), 0);
    assert_true(link_index("ifb0123456789ab") > 0);
    struct veth veth = {.host = HOST, .peer = "eth0", .netns_fd = netns};
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(traffic_limit_received(HOST, 10000000), 0);
    assert_int_equal(traffic_release(HOST), 0);
    assert_int_equal(link_index("ifb0123456789ab"), -ENODEV);
    assert_int_equal(link_delete(HOST), 0);
    veth.host = "ifb0123456789ab";
    veth.peer = "eth1";
    assert_int_equal(veth_create(&veth), 0);
    veth.host = HOST;
    veth.peer = "eth2";
    assert_int_equal(veth_create(&veth), 0);
    assert_int_equal(traffic_limit_received(HOST, 10000000), -EEXIST);
    assert_int_equal(traffic_release(HOST), 0);
    assert_true(link_index("ifb0123456789ab") > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_received),
        cmocka_unit_test(test_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
