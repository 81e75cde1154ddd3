// SPDX-License-Identifier: Apache-2.0
// The network in namespaces and roots of the test's own.
#include "network/network.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/link_settings.h"
#include "kernel/nft.h"
#include "network/kernel.h"
#include "network/row.h"
#include "network/rules.h"
#include "network/subnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct root {
    char path[64];
    struct db *db;
};

static void root_open(struct root *root) {
    struct err err;
    strcpy(root->path, "/tmp/hoy-network-test.XXXXXX");
    assert_non_null(mkdtemp(root->path));
    assert_int_equal(db_open(root->path, &root->db, &err), 0);
}

static void root_remove(struct root *root) {
    db_closep(&root->db);
    assert_int_equal(dir_remove_all_at(AT_FDCWD, root->path), 0);
}

static struct root root;
static struct arena arena;

static int setup(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return -1;
    root_open(&root);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    root_remove(&root);
    arena_finish(&arena);
    return 0;
}

static struct network load(struct db *db) {
    struct err err;
    struct network network = {0};
    assert_int_equal(network_load(db, &arena, "bridge", &network, &err), 1);
    return network;
}

static uint32_t number(const struct address *address) {
    uint32_t number;
    assert_int_equal(address->family, AF_INET);
    memcpy(&number, address->bytes, 4);
    return ntohl(number);
}

static uint32_t subnet_of(struct db *db) {
    struct network network = load(db);
    return number(&network.pools[0].subnet.base);
}

static int ensure_default(struct db *db, struct err *err) {
    struct network network;
    return network_require(db, &arena, "bridge", &network, err) || network_ensure(db, &arena, &network, err)
               ? -1
               : 0;
}

static void ensure(struct db *db) {
    struct err err = {0};
    if (ensure_default(db, &err)) fail_msg("%s", err.text);
}

static int attach(struct db *db, const char *id, struct endpoint *ret_endpoint, struct err *err) {
    static const struct endpoint_settings settings = {.network = "bridge"};
    struct network network;
    return network_require(db, &arena, "bridge", &network, err) ||
                   network_attach(db, &arena, &network, id, &settings, 0, false, ret_endpoint, err)
               ? -1
               : 0;
}

// What it has: 1, or 0.
static int endpoint_of(struct db *db, const char *id, struct endpoint *ret_endpoint, struct err *err) {
    struct endpoints endpoints;
    if (network_endpoints(db, &arena, id, &endpoints, err)) return -1;
    if (endpoints.count) *ret_endpoint = endpoints.items[0];
    return endpoints.count > 0;
}

static void assert_ready(struct db *db) {
    struct network network = load(db);
    struct link link;
    assert_int_equal(link_get(network.link, &link), 0);
    assert_true(link.up);
    assert_true(bridge_is_ready(db, &network));
}

static void set_mac(const char *link) {
    struct ifreq request = {.ifr_hwaddr = {ARPHRD_ETHER, {2, 1, 2, 3, 4, 5}}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strcpy(request.ifr_name, link);
    assert_int_equal(ioctl(fd, SIOCSIFHWADDR, &request), 0);
    close(fd);
}

static void test_ensure(void **state) {
    (void)state;
    ensure(root.db);
    struct network network = load(root.db);
    assert_string_equal(network.link, "hoy0");
    assert_int_equal(number(&network.pools[0].subnet.base), 0x0ad00000);
    assert_int_equal(number(&network.pools[0].gateway), 0x0ad00001);
    assert_int_equal(network.pools[0].subnet.prefix, 22);
    assert_int_equal(network.pools[1].subnet.prefix, 64);
    assert_int_equal(network.pools[1].subnet.base.bytes[0], 0xfd);
    assert_int_equal(network.pools[1].gateway.bytes[15], 1);
    assert_true(link_has_ipv6("hoy0", network.pools[1].gateway.bytes));
    assert_ready(root.db);
    char byte[2] = "";
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY);
    assert_int_equal(read(fd, byte, 1), 1);
    close(fd);
    assert_string_equal(byte, "1");
    ensure(root.db);
    // What others take away comes back, the same.
    rules_remove(root.db, &network);
    assert_false(bridge_is_ready(root.db, &network));
    ensure(root.db);
    assert_ready(root.db);
    assert_int_equal(link_delete("hoy0"), 0);
    ensure(root.db);
    assert_ready(root.db);
    assert_string_equal(load(root.db).id, network.id);
    assert_int_equal(subnet_of(root.db), 0x0ad00000);
    // One with another address on the wire is known by its alias, without one it is nobody's.
    set_mac("hoy0");
    assert_ready(root.db);
    assert_int_equal(link_set_alias("hoy0", ""), 0);
    assert_false(bridge_is_ready(root.db, &network));
    assert_int_equal(link_delete("hoy0"), 0);
}

static void test_two_roots(void **state) {
    (void)state;
    struct root other;
    root_open(&other);
    ensure(root.db);
    ensure(other.db);
    assert_string_equal(load(root.db).link, "hoy0");
    assert_string_equal(load(other.db).link, "hoy1");
    assert_int_equal(subnet_of(other.db), subnet_of(root.db) + 1024);
    // After a reboot the second is there first. The first must not take its bridge or its subnet over.
    struct network lost = load(other.db);
    assert_int_equal(link_delete("hoy0"), 0);
    assert_int_equal(link_delete("hoy1"), 0);
    struct root third;
    root_open(&third);
    ensure(third.db); // takes hoy0 and the first subnet
    ensure(other.db);
    assert_string_equal(load(other.db).link, lost.link);
    ensure(root.db);
    assert_string_equal(load(third.db).link, "hoy0");
    assert_string_equal(load(root.db).link, "hoy2");
    assert_int_equal(subnet_of(root.db), number(&lost.pools[0].subnet.base) + 1024);
    assert_ready(root.db);
    assert_ready(other.db);
    assert_ready(third.db);
    // Roots that are gone leave bridges, which the next one takes down.
    root_remove(&third);
    root_remove(&other);
    root_open(&other);
    ensure(other.db);
    assert_string_equal(load(other.db).link, "hoy0");
    assert_string_equal(load(root.db).link, "hoy2");
    assert_int_equal(link_index("hoy1"), -ENODEV);
    root_remove(&other);
}

// A bridge of that name that is no root's.
static void test_foreign_bridge(void **state) {
    (void)state;
    assert_int_equal(bridge_create("hoy0", (uint8_t[]){2, 0, 0, 0, 0, 1}, "mine"), 0);
    ensure(root.db);
    assert_string_equal(load(root.db).link, "hoy1");
    struct link link;
    assert_int_equal(link_get("hoy0", &link), 0);
    assert_false(link.up);
}

// Routes that are in the way.
static void expect_pick(uint8_t prefix, uint32_t expected) {
    static const struct networks none;
    struct subnet subnet;
    struct err err = {0};
    if (subnet_pick(&none, prefix, &subnet, &err)) fail_msg("%s", err.text);
    assert_int_equal(number(&subnet.base), expected);
    assert_int_equal(subnet.prefix, prefix);
}

static void test_subnet(void **state) {
    (void)state;
    struct err err = {0};
    struct subnet wanted = {.base = address_ipv4(0x0ad00400), .prefix = 22}, route;
    expect_pick(22, 0x0ad00000);
    assert_int_equal(bridge_create("br0", (uint8_t[]){2, 0, 0, 0, 0, 1}, NULL), 0);
    assert_int_equal(link_up("br0"), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 208, 5, 1}, 24), 0);
    expect_pick(22, 0x0ad00000);
    expect_pick(24, 0x0ad00000);
    assert_int_equal(subnet_find_route(&wanted, &route, &err), 0);
    assert_int_equal(number(&route.base), 0x0ad00500);
    wanted.base = address_ipv4(0x0ad00800);
    assert_int_equal(subnet_find_route(&wanted, &route, &err), 0);
    assert_false(address_is_set(&route.base));
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 208, 0, 1}, 14), 0);
    expect_pick(22, 0x0ad40000);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 1, 2, 3}, 8), 0);
    expect_pick(22, 0xac1c0000); // 172.28.0.0
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){172, 16, 0, 1}, 12), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){192, 168, 0, 1}, 16), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){1, 0, 0, 1}, 1), 0);
    expect_pick(22, 0x0ad00800); // a piece of the /8 after all
}

static void test_addresses(void **state) {
    (void)state;
    struct err err = {0};
    struct endpoint a, b, c;
    ensure(root.db);
    assert_int_equal(endpoint_of(root.db, "aaaa", &a, &err), 0);
    assert_int_equal(attach(root.db, "aaaaaaaaaaaaaaaaaaaa", &a, &err), 0);
    assert_int_equal(number(&a.addresses[0]), 0x0ad00002);
    assert_int_equal(number(&a.gateways[0]), 0x0ad00001);
    assert_int_equal(a.addresses[1].bytes[15], 2);
    assert_memory_equal(a.mac, ((uint8_t[]){2, 0x42, 10, 208, 0, 2}), 6);
    assert_string_equal(a.host_interface, "hoyaaaaaaaaaaaa");
    assert_string_equal(a.link, "hoy0");
    assert_string_equal(a.interface, "eth0");
    assert_int_equal(attach(root.db, "aaaaaaaaaaaaaaaaaaaa", &c, &err), 0);
    assert_int_equal(number(&c.addresses[0]), number(&a.addresses[0])); // the same container
    assert_int_equal(attach(root.db, "bbbb", &b, &err), 0);
    assert_int_equal(number(&b.addresses[0]), 0x0ad00003);
    assert_int_equal(network_release(root.db, "bbbb", NULL, &err), 0);
    assert_int_equal(network_release(root.db, "bbbb", NULL, &err), 0);
    assert_int_equal(attach(root.db, "cccc", &c, &err), 0);
    assert_int_equal(number(&c.addresses[0]), 0x0ad00004); // not the one that was just given back
    assert_int_equal(endpoint_of(root.db, "cccc", &c, &err), 1);
    assert_int_equal(number(&c.addresses[0]), 0x0ad00004);
    assert_int_equal(endpoint_of(root.db, "bbbb", &c, &err), 0);
}

static void test_full(void **state) {
    (void)state;
    struct err err = {0};
    struct endpoint endpoint;
    char id[32];
    ensure(root.db);
    uint32_t first = 0x0ad00002, count = 1021;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "container%u", i);
        assert_int_equal(attach(root.db, id, &endpoint, &err), 0);
        assert_int_equal(number(&endpoint.addresses[0]), first + i);
    }
    assert_int_equal(attach(root.db, "one more", &endpoint, &err), -1);
    assert_string_equal(err.text,
                        "no available IPv4 addresses on this network's address pools: bridge (all of "
                        "10.208.0.0/22 are in use: disconnect containers first, or make a larger "
                        "network)");
    assert_int_equal(network_release(root.db, "container7", NULL, &err), 0);
    assert_int_equal(attach(root.db, "one more", &endpoint, &err), 0);
    assert_int_equal(number(&endpoint.addresses[0]), first + 7);
}

// Many processes at once: the first of them make the network, each gets an address of its own.
#define MANY 50

static int many_child(const char *path, int out, int i) {
    struct db *db = NULL;
    struct err err = {0};
    struct endpoint endpoint;
    char id[32];
    snprintf(id, sizeof id, "container%d", i);
    if (db_open(path, &db, &err) || ensure_default(db, &err) || attach(db, id, &endpoint, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    bool half = i % 2;
    if (half && network_release(db, id, NULL, &err)) return 1;
    db_closep(&db);
    uint32_t address = number(&endpoint.addresses[0]);
    return write(out, &address, sizeof address) != sizeof address;
}

static void test_many(void **state) {
    (void)state;
    int answers[2], status;
    bool seen[MANY + 2] = {0};
    assert_int_equal(pipe(answers), 0);
    db_closep(&root.db);
    for (int i = 0; i < MANY; i++)
        if (fork() == 0) _exit(many_child(root.path, answers[1], i));
    for (int i = 0; i < MANY; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < MANY; i++) {
        uint32_t address;
        assert_int_equal(read(answers[0], &address, sizeof address), sizeof address);
        address -= 0x0ad00000;
        assert_in_range(address, 2, MANY + 1);
        assert_false(seen[address]);
        seen[address] = true;
    }
    close(answers[0]);
    close(answers[1]);
    struct err err;
    assert_int_equal(db_open(root.path, &root.db, &err), 0);
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    assert_int_equal(db_query(root.db, &rows, &err,
                              "SELECT count(*) FROM address WHERE family = 4 AND container_id <> ''", ""),
                     0);
    assert_int_equal(db_next(&rows, &err), 1);
    assert_int_equal(db_i64(&rows, 0), MANY / 2);
    assert_int_equal(link_index("hoy1"), -ENODEV);
    assert_ready(root.db);
}

static void test_many_roots(void **state) {
    (void)state;
    struct root roots[8];
    bool seen[8] = {0};
    int status, null = open("/dev/null", O_WRONLY);
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) root_open(&roots[i]);
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        if (fork() == 0) _exit(many_child(roots[i].path, null, 0));
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    close(null);
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        uint32_t n = (subnet_of(roots[i].db) - 0x0ad00000) / 1024;
        assert_in_range(n, 0, ARRAY_SIZE(roots) - 1);
        assert_false(seen[n]);
        seen[n] = true;
        root_remove(&roots[i]);
    }
}

static void test_plan(void **state) {
    (void)state;
    struct plan plan;
    struct endpoint endpoint = {.network = "bridge",
                                .link = "hoy0",
                                .addresses = {address_ipv4(0x0ad00002), {AF_INET6, {0xfd, [15] = 2}}},
                                .gateways = {address_ipv4(0x0ad00001), {AF_INET6, {0xfd, [15] = 1}}},
                                .prefixes = {22, 64},
                                .mac = {2, 0x42, 10, 208, 0, 2},
                                .interface = "eth0",
                                .host_interface = "hoy0123456789ab"};
    struct endpoints endpoints = {&endpoint, 1};
    static const enum plan_op_type expected[] = {
        PLAN_VETH_ADD,  PLAN_LINK_IPV6, PLAN_LINK_UP, PLAN_ADDRESS_ADD, PLAN_ADDRESS_ADD,
        PLAN_ROUTE_ADD, PLAN_ROUTE_ADD, PLAN_READY,   PLAN_AWAIT,       PLAN_BRIDGE_PORT};
    endpoints_choose_gateway(&endpoints);
    plan_init(&plan);
    network_plan(&endpoints, &plan);
    network_plan_bridge_ports(&endpoints, "hoy0123456789ab", &plan);
    assert_int_equal(plan.count, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) assert_int_equal(plan.ops[i].type, expected[i]);
    assert_string_equal(plan.strings + plan.ops[0].veth.host, "hoy0123456789ab");
    assert_int_equal(plan.ops[1].link.ipv6, 1);
    assert_memory_equal(plan.ops[3].address.bytes, ((uint8_t[]){10, 208, 0, 2}), 4);
    assert_int_equal(plan.ops[3].address.prefix, 22);
    assert_int_equal(plan.ops[4].address.prefix, 64);
    assert_memory_equal(plan.ops[5].address.bytes, ((uint8_t[]){10, 208, 0, 1}), 4);
    assert_int_equal(plan.ops[6].address.bytes[15], 1);
    assert_string_equal(plan.strings + plan.ops[9].bridge_port.bridge, "hoy0");
    assert_string_equal(plan.strings + plan.ops[9].bridge_port.link, "hoy0123456789ab");
    assert_int_equal(plan.ops[9].bridge_port.hairpin, 1);
    plan_finish(&plan);
}

// Packets: a "container", and a "neighbour" on another link of the host, in namespaces of their own.

static pid_t namespace_process(void) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

struct place {
    uint8_t address[4], gateway[4];
    uint8_t prefix;
};

static int in_namespace(pid_t pid, int (*work)(const void *data), const void *data) {
    char path[64];
    int status;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDONLY);
        _exit(setns(fd, CLONE_NEWNET) ? 99 : work(data));
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int place_set_up(const void *data) {
    const struct place *place = data;
    if (link_up("lo") || address_add("eth0", AF_INET, place->address, place->prefix) || link_up("eth0"))
        return 1;
    return route_add(&(struct route){.link = "eth0", .family = AF_INET, .gateway = place->gateway}) ? 2 : 0;
}

static struct sockaddr_in socket_address(const uint8_t bytes[4], uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&to.sin_addr, bytes, 4);
    return to;
}

// The answer of a closed port is an answer. What should arrive gets time for a lost packet on a busy machine;
// what should not is not waited for that long.
static int reach(const uint8_t *address, struct timeval most) {
    struct sockaddr_in to = socket_address(address, 9);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    int answered = connect(fd, (struct sockaddr *)&to, sizeof to) && errno == ECONNREFUSED;
    close(fd);
    return answered;
}

static int can_reach(const void *data) {
    return reach(data, (struct timeval){.tv_sec = 10}) ? 0 : 1;
}

static int is_dropped(const void *data) {
    return reach(data, (struct timeval){.tv_usec = 300000}) ? 1 : 0;
}

// Connects and sends; the listener is asked who that was.
static int dial(const void *data) {
    struct sockaddr_in to = socket_address(data, 7);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&to, sizeof to) ? 1 : 0;
}

struct dialled {
    pid_t from;
    uint8_t at[4], expected[4];
};

static int listen_and_ask(const void *data) {
    const struct dialled *d = data;
    struct sockaddr_in here = socket_address(d->at, 7), peer = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) || listen(fd, 1)) return 2;
    if (in_namespace(d->from, dial, d->at)) return 3;
    if (accept(fd, (struct sockaddr *)&peer, &(socklen_t){sizeof peer}) < 0) return 4;
    return memcmp(&peer.sin_addr, d->expected, 4) ? 5 : 0;
}

static void test_packets(void **state) {
    (void)state;
    struct err err = {0};
    struct endpoint endpoint;
    ensure(root.db);
    assert_int_equal(link_up("lo"), 0);
    assert_int_equal(attach(root.db, "cccc", &endpoint, &err), 0);
    pid_t container = namespace_process(), neighbour = namespace_process();
    struct veth inner = {.host = "hoycccc", .peer = "eth0", .netns_pid = container, .mac = endpoint.mac};
    struct veth outer = {.host = "outer", .peer = "eth0", .netns_pid = neighbour};
    static const uint8_t host[4] = {203, 0, 113, 1}, gateway[4] = {10, 208, 0, 1};
    assert_int_equal(veth_create(&inner), 0);
    assert_int_equal(link_set_master("hoycccc", "hoy0"), 0);
    assert_int_equal(veth_create(&outer), 0);
    assert_int_equal(address_add("outer", AF_INET, host, 24), 0);
    struct place a = {.address = {10, 208, 0, 2}, .gateway = {10, 208, 0, 1}, .prefix = 22};
    struct place b = {.address = {203, 0, 113, 2}, .gateway = {203, 0, 113, 1}, .prefix = 24};
    assert_int_equal(in_namespace(container, place_set_up, &a), 0);
    assert_int_equal(in_namespace(neighbour, place_set_up, &b), 0);

    assert_int_equal(in_namespace(container, can_reach, gateway), 0);
    assert_int_equal(in_namespace(container, can_reach, b.address), 0);
    assert_int_equal(can_reach(a.address), 0); // from the host
    // The neighbour sees the host's address, and has no way in, not even to the gateway's address.
    struct dialled d = {container, {203, 0, 113, 2}, {203, 0, 113, 1}};
    assert_int_equal(in_namespace(neighbour, listen_and_ask, &d), 0);
    assert_int_equal(in_namespace(neighbour, can_reach, host), 0);
    assert_int_equal(in_namespace(neighbour, is_dropped, a.address), 0);
    assert_int_equal(in_namespace(neighbour, is_dropped, gateway), 0);
    // Nor has the container one to the host's loopback, whatever the host's settings.
    assert_int_equal(file_write_at(AT_FDCWD, "/proc/sys/net/ipv4/conf/hoy0/route_localnet", "1"), 0);
    assert_int_equal(in_namespace(container, can_reach, (uint8_t[]){127, 0, 0, 1}), 0); // its own
    kill(container, SIGKILL);
    kill(neighbour, SIGKILL);
    waitpid(container, NULL, 0);
    waitpid(neighbour, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_ensure),    TEST(test_two_roots), TEST(test_foreign_bridge), TEST(test_subnet),
        TEST(test_addresses), TEST(test_full),      TEST(test_many),           TEST(test_many_roots),
        TEST(test_plan),      TEST(test_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
