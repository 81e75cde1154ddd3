// SPDX-License-Identifier: Apache-2.0
// The network in namespaces and roots of the test's own.
#include "network/network.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/link.h"
#include "kernel/nft.h"
#include "network/row.h"
#include "network/subnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int setup(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return -1;
    root_open(&root);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    root_remove(&root);
    return 0;
}

static struct network load(struct db *db) {
    struct err err;
    struct network network = {0};
    assert_int_equal(network_load(db, &network, &err), 1);
    return network;
}

static void ensure(struct db *db) {
    struct err err = {0};
    if (network_ensure_default(db, &err)) fail_msg("%s", err.text);
}

static void assert_ready(struct db *db) {
    struct network network = load(db);
    struct link link;
    struct nft_table table = {.name = network.bridge, .gate_group = 4001};
    struct nft_network rules = {.subnets = {{AF_INET, network.prefix, {0}}}, .subnet_count = 1};
    uint32_t subnet = htonl(network.subnet);
    strcpy(rules.link, network.bridge);
    memcpy(rules.subnets[0].bytes, &subnet, sizeof subnet);
    assert_int_equal(link_get(network.bridge, &link), 0);
    assert_true(link.up);
    assert_true(nft_network_ready(&table, &rules));
}

static void test_ensure(void **state) {
    (void)state;
    ensure(root.db);
    struct network network = load(root.db);
    assert_string_equal(network.bridge, "hoy0");
    assert_int_equal(network.subnet, 0x0ad00000);
    assert_int_equal(network.gateway, 0x0ad00001);
    assert_int_equal(network.prefix, 22);
    assert_ready(root.db);
    char byte[2] = "";
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY);
    assert_int_equal(read(fd, byte, 1), 1);
    close(fd);
    assert_string_equal(byte, "1");
    ensure(root.db);
    // What others take away comes back, the same.
    assert_int_equal(nft_table_delete(&(struct nft_table){.name = "hoy0"}), 0);
    ensure(root.db);
    assert_ready(root.db);
    assert_int_equal(link_delete("hoy0"), 0);
    ensure(root.db);
    assert_ready(root.db);
    assert_string_equal(load(root.db).id, network.id);
    assert_int_equal(load(root.db).subnet, network.subnet);
}

static void test_two_roots(void **state) {
    (void)state;
    struct root other;
    root_open(&other);
    ensure(root.db);
    ensure(other.db);
    assert_string_equal(load(root.db).bridge, "hoy0");
    assert_string_equal(load(other.db).bridge, "hoy1");
    assert_int_equal(load(other.db).subnet, load(root.db).subnet + 1024);
    // After a reboot the second is there first. The first must not take its bridge or its subnet over.
    struct network lost = load(other.db);
    assert_int_equal(link_delete("hoy0"), 0);
    assert_int_equal(link_delete("hoy1"), 0);
    struct root third;
    root_open(&third);
    ensure(third.db); // takes hoy0 and the first subnet
    ensure(other.db);
    assert_string_equal(load(other.db).bridge, lost.bridge);
    ensure(root.db);
    assert_string_equal(load(third.db).bridge, "hoy0");
    assert_string_equal(load(root.db).bridge, "hoy2");
    assert_int_equal(load(root.db).subnet, lost.subnet + 1024);
    assert_ready(root.db);
    assert_ready(other.db);
    assert_ready(third.db);
    // Roots that are gone leave bridges, which the next one takes down.
    root_remove(&third);
    root_remove(&other);
    root_open(&other);
    ensure(other.db);
    assert_string_equal(load(other.db).bridge, "hoy0");
    assert_string_equal(load(root.db).bridge, "hoy2");
    assert_int_equal(link_index("hoy1"), -ENODEV);
    root_remove(&other);
}

// A bridge of that name that is no root's.
static void test_foreign_bridge(void **state) {
    (void)state;
    assert_int_equal(bridge_create("hoy0", (uint8_t[]){2, 0, 0, 0, 0, 1}, "mine"), 0);
    ensure(root.db);
    assert_string_equal(load(root.db).bridge, "hoy1");
    struct link link;
    assert_int_equal(link_get("hoy0", &link), 0);
    assert_false(link.up);
}

// Routes that are in the way.
static void test_subnet(void **state) {
    (void)state;
    struct err err = {0};
    uint32_t subnet;
    bool routed;
    assert_int_equal(subnet_pick(&subnet, &err), 0);
    assert_int_equal(subnet, 0x0ad00000);
    assert_int_equal(bridge_create("br0", (uint8_t[]){2, 0, 0, 0, 0, 1}, NULL), 0);
    assert_int_equal(link_up("br0"), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 208, 5, 1}, 24), 0);
    assert_int_equal(subnet_pick(&subnet, &err), 0);
    assert_int_equal(subnet, 0x0ad00000);
    assert_int_equal(subnet_is_routed(0x0ad00400, 22, 0, &routed, &err), 0);
    assert_true(routed);
    assert_int_equal(subnet_is_routed(0x0ad00400, 22, link_index("br0"), &routed, &err), 0);
    assert_false(routed);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 208, 0, 1}, 14), 0);
    assert_int_equal(subnet_pick(&subnet, &err), 0);
    assert_int_equal(subnet, 0x0ad40000);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){10, 1, 2, 3}, 8), 0);
    assert_int_equal(subnet_pick(&subnet, &err), 0);
    assert_int_equal(subnet, 0xac1c0000); // 172.28.0.0
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){172, 16, 0, 1}, 12), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){192, 168, 0, 1}, 16), 0);
    assert_int_equal(address_add("br0", AF_INET, (uint8_t[]){1, 0, 0, 1}, 1), 0);
    assert_int_equal(subnet_pick(&subnet, &err), 0);
    assert_int_equal(subnet, 0x0ad00800); // a piece of the /8 after all
}

static void test_addresses(void **state) {
    (void)state;
    struct err err = {0};
    struct endpoint a, b, c;
    assert_int_equal(network_attach(root.db, "aaaa", &a, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    ensure(root.db);
    assert_int_equal(network_endpoint(root.db, "aaaa", &a, &err), 0);
    assert_int_equal(network_attach(root.db, "aaaaaaaaaaaaaaaaaaaa", &a, &err), 0);
    assert_int_equal(a.address, 0x0ad00002);
    assert_int_equal(a.gateway, 0x0ad00001);
    assert_memory_equal(a.mac, ((uint8_t[]){2, 0x42, 10, 208, 0, 2}), 6);
    assert_string_equal(a.host_interface, "hoyaaaaaaaaaaaa");
    assert_string_equal(a.bridge, "hoy0");
    assert_int_equal(network_attach(root.db, "aaaaaaaaaaaaaaaaaaaa", &c, &err), 0);
    assert_int_equal(c.address, a.address); // the same container
    assert_int_equal(network_attach(root.db, "bbbb", &b, &err), 0);
    assert_int_equal(b.address, 0x0ad00003);
    assert_int_equal(network_release(root.db, "bbbb", &err), 0);
    assert_int_equal(network_release(root.db, "bbbb", &err), 0);
    assert_int_equal(network_attach(root.db, "cccc", &c, &err), 0);
    assert_int_equal(c.address, 0x0ad00004); // not the one that was just given back
    assert_int_equal(network_endpoint(root.db, "cccc", &c, &err), 1);
    assert_int_equal(c.address, 0x0ad00004);
    assert_int_equal(network_endpoint(root.db, "bbbb", &c, &err), 0);
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
        assert_int_equal(network_attach(root.db, id, &endpoint, &err), 0);
        assert_int_equal(endpoint.address, first + i);
    }
    assert_int_equal(network_attach(root.db, "one more", &endpoint, &err), -1);
    assert_string_equal(err.text, "network bridge: all 1021 addresses of 10.208.0.0/22 are in use: remove "
                                  "containers first");
    assert_int_equal(network_release(root.db, "container7", &err), 0);
    assert_int_equal(network_attach(root.db, "one more", &endpoint, &err), 0);
    assert_int_equal(endpoint.address, first + 7);
}

// Many processes at once: the first of them make the network, each gets an address of its own.
#define MANY 50

static int many_child(const char *path, int out, int i) {
    struct db *db = NULL;
    struct err err = {0};
    struct endpoint endpoint;
    char id[32];
    snprintf(id, sizeof id, "container%d", i);
    if (db_open(path, &db, &err) || network_ensure_default(db, &err) ||
        network_attach(db, id, &endpoint, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    bool half = i % 2;
    if (half && network_release(db, id, &err)) return 1;
    db_closep(&db);
    return write(out, &endpoint.address, sizeof endpoint.address) != sizeof endpoint.address;
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
    assert_int_equal(db_query(root.db, &rows, &err, "SELECT count(*) FROM address", ""), 0);
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
        uint32_t n = (load(roots[i].db).subnet - 0x0ad00000) / 1024;
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
                                .bridge = "hoy0",
                                .address = 0x0ad00002,
                                .gateway = 0x0ad00001,
                                .prefix = 22,
                                .mac = {2, 0x42, 10, 208, 0, 2},
                                .host_interface = "hoy0123456789ab"};
    plan_init(&plan);
    network_plan(&endpoint, &plan);
    assert_int_equal(plan.count, 4);
    assert_int_equal(plan.ops[0].type, PLAN_VETH_ADD);
    assert_string_equal(plan.strings + plan.ops[0].veth.bridge, "hoy0");
    assert_string_equal(plan.strings + plan.ops[0].veth.host, "hoy0123456789ab");
    assert_int_equal(plan.ops[1].type, PLAN_ADDRESS_ADD);
    assert_memory_equal(plan.ops[1].address.bytes, ((uint8_t[]){10, 208, 0, 2}), 4);
    assert_int_equal(plan.ops[1].address.prefix, 22);
    assert_int_equal(plan.ops[2].type, PLAN_LINK_UP);
    assert_int_equal(plan.ops[3].type, PLAN_ROUTE_ADD);
    assert_memory_equal(plan.ops[3].address.bytes, ((uint8_t[]){10, 208, 0, 1}), 4);
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
    return route_add_default("eth0", AF_INET, place->gateway) ? 2 : 0;
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
    assert_int_equal(network_attach(root.db, "cccc", &endpoint, &err), 0);
    pid_t container = namespace_process(), neighbour = namespace_process();
    struct veth inner = {
        .host = "hoycccc", .peer = "eth0", .bridge = "hoy0", .netns_pid = container, .mac = endpoint.mac};
    struct veth outer = {.host = "outer", .peer = "eth0", .netns_pid = neighbour};
    static const uint8_t host[4] = {203, 0, 113, 1}, gateway[4] = {10, 208, 0, 1};
    assert_int_equal(veth_create(&inner), 0);
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
