// SPDX-License-Identifier: Apache-2.0
// What the rules do to packets. The test's own network namespace is the host: two bridges (alpha with the
// containers a1 and a2, beta with b), and behind a veth pair somebody outside. Everybody runs a server on
// port 7000 of TCP and UDP, which answers with its name and the address that it saw; a question that nobody
// answers comes back as "-".
#include "kernel/nft.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/link_settings.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER      7000
#define PATIENCE_MS 300 // for an answer that does not come
#define TRIES       10

static const struct nft_table table = {"hoy0", 77};
static const struct nft_network alpha = {
    "alpha", {{AF_INET, 24, {10, 1}}, {AF_INET6, 64, {0xfd, 0, 0, 0xa}}}, 2, 0};
static const struct nft_network beta = {
    "beta", {{AF_INET, 24, {10, 2}}, {AF_INET6, 64, {0xfd, 0, 0, 0xb}}}, 2, 0};

enum who { HOST, A1, A2, B, OUTSIDE, EVERYBODY };

static const struct person {
    const char *name, *bridge;
    const char *address4, *gateway4, *address6, *gateway6;
} people[] = {
    [HOST] = {.name = "host"},
    [A1] = {"a1", "alpha", "10.1.0.2", "10.1.0.1", "fd00:a::2", "fd00:a::1"},
    [A2] = {"a2", "alpha", "10.1.0.3", "10.1.0.1", "fd00:a::3", "fd00:a::1"},
    [B] = {"b", "beta", "10.2.0.2", "10.2.0.1", "fd00:b::2", "fd00:b::1"},
    [OUTSIDE] = {"out", NULL, "203.0.113.2", "203.0.113.1", "2001:db8::2", "2001:db8::1"},
};

static pid_t pids[EVERYBODY];

static void setting(const char *path, const char *value) {
    char full[128];
    snprintf(full, sizeof full, "/proc/sys/net/%s", path);
    int fd = open(full, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return; // a kernel without
    assert_int_equal(write(fd, value, strlen(value)), strlen(value));
    close(fd);
}

static void address_set(const char *link, const char *text) {
    uint8_t bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(family, text, bytes), 1);
    assert_int_equal(address_add(link, (uint8_t)family, bytes, family == AF_INET ? 24 : 64), 0);
}

static void route_set(const char *text) {
    uint8_t bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    inet_pton(family, text, bytes);
    const struct route route = {.link = "eth0", .family = (uint8_t)family, .gateway = bytes};
    assert_int_equal(route_add(&route), 0);
}

static int server_open(int type) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(SERVER)};
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) || (type == SOCK_STREAM && listen(fd, 9))) _exit(1);
    return fd;
}

static size_t answer_make(const char *name, const struct sockaddr_in6 *peer, char *ret_text, size_t size) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &peer->sin6_addr, text, sizeof text);
    const char *mapped = str_after(text, "::ffff:");
    return (size_t)snprintf(ret_text, size, "%s %s", name, mapped ? mapped : text);
}

static void serve(const char *name) {
    struct pollfd fds[] = {{server_open(SOCK_STREAM), POLLIN, 0}, {server_open(SOCK_DGRAM), POLLIN, 0}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        char answer[128], question[16];
        struct sockaddr_in6 peer = {0};
        socklen_t length = sizeof peer;
        poll(fds, 2, -1);
        if (fds[0].revents) {
            int fd = accept(fds[0].fd, (struct sockaddr *)&peer, &length);
            size_t n = answer_make(name, &peer, answer, sizeof answer);
            if (fd < 0 || write(fd, answer, n) != (ssize_t)n) continue;
            close(fd);
        } else if (recvfrom(fds[1].fd, question, sizeof question, 0, (struct sockaddr *)&peer, &length) >=
                   0) {
            size_t n = answer_make(name, &peer, answer, sizeof answer);
            sendto(fds[1].fd, answer, n, 0, (struct sockaddr *)&peer, length);
        }
    }
}

// A namespace, its server in it, and a byte when it has come so far; it goes on when its link is there.
static void person_start(enum who who) {
    int ready[2], go[2];
    const struct person *person = &people[who];
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    if (!(pids[who] = fork())) {
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(go[1]);
        if (who != HOST && unshare(CLONE_NEWNET)) _exit(1);
        if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
        if (who != HOST) {
            setting("ipv6/conf/eth0/accept_dad", "0");
            if (link_up("lo") || link_up("eth0")) _exit(1);
            address_set("eth0", person->address4);
            address_set("eth0", person->address6);
            route_set(person->gateway4);
            route_set(person->gateway6);
        }
        if (write(ready[1], "", 1) != 1) _exit(1);
        serve(person->name);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    struct veth veth = {.host = person->name, .peer = "eth0", .netns_pid = pids[who]};
    if (who != HOST) assert_int_equal(veth_create(&veth), 0);
    if (person->bridge) assert_int_equal(link_set_master(person->name, person->bridge), 0);
    if (who == OUTSIDE) {
        setting("ipv6/conf/out/accept_dad", "0");
        address_set("out", person->gateway4);
        address_set("out", person->gateway6);
    }
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(go[0]);
    close(go[1]);
}

static void bridge_start(const char *name, const char *address4, const char *address6) {
    char path[64];
    uint8_t mac[6] = {2, 0x42, 0, 0, 0, (uint8_t)name[0]};
    assert_int_equal(bridge_create(name, mac, NULL), 0);
    snprintf(path, sizeof path, "ipv6/conf/%s/accept_dad", name);
    setting(path, "0");
    snprintf(path, sizeof path, "ipv4/conf/%s/route_localnet", name);
    setting(path, "1");
    address_set(name, address4);
    address_set(name, address6);
    assert_int_equal(link_up(name), 0);
}

static int everybody_start(void **state) {
    (void)state;
    if (geteuid() || unshare(CLONE_NEWNET)) return 0;
    setting("ipv4/ip_forward", "1");
    setting("ipv6/conf/all/forwarding", "1");
    link_up("lo");
    bridge_start("alpha", "10.1.0.1", "fd00:a::1");
    bridge_start("beta", "10.2.0.1", "fd00:b::1");
    for (enum who who = 0; who < EVERYBODY; who++) person_start(who);
    return 0;
}

static int everybody_end(void **state) {
    (void)state;
    for (enum who who = 0; who < EVERYBODY; who++) {
        if (pids[who] <= 0) continue;
        kill(pids[who], SIGKILL);
        waitpid(pids[who], NULL, 0);
        pids[who] = 0;
    }
    return 0;
}

struct question {
    int type; // SOCK_*
    const char *to;
    uint16_t port;
    const char *source; // NULL: whatever it is
};

static socklen_t sockaddr_make(const char *text, uint16_t port, struct sockaddr_storage *ret_address) {
    struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    inet_pton(AF_INET6, text, &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
}

static void question_ask(const struct question *question, int answer) {
    struct sockaddr_storage to, source;
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    char text[128];
    socklen_t length = sockaddr_make(question->to, question->port, &to);
    int fd = socket(to.ss_family, question->type, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_IP, 15 /* IP_FREEBIND */, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_IPV6, 78 /* IPV6_FREEBIND */, &(int){1}, sizeof(int));
    if (question->source && bind(fd, (struct sockaddr *)&source, sockaddr_make(question->source, 0, &source)))
        _exit(1);
    ssize_t n = -1;
    if (!connect(fd, (struct sockaddr *)&to, length) &&
        (question->type == SOCK_STREAM || send(fd, "?", 1, 0) == 1))
        n = read(fd, text, sizeof text);
    if (n > 0 && write(answer, text, (size_t)n) != n) _exit(1);
    _exit(0);
}

static const char *ask(enum who who, struct question question) {
    static char text[128];
    int answer[2];
    assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
    pid_t child = fork();
    if (!child) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/net", pids[who]);
        if (setns(open(path, O_RDONLY | O_CLOEXEC), CLONE_NEWNET)) _exit(1);
        question_ask(&question, answer[1]);
    }
    int status;
    close(answer[1]);
    ssize_t n = read(answer[0], text, sizeof text - 1);
    close(answer[0]);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? text : "-";
}

// On a busy machine an answer may take longer than one that does not come is waited for.
static const char *ask_for(enum who who, struct question question, const char *wanted) {
    const char *text = ask(who, question);
    for (int i = 1; i < TRIES && str_eq(text, "-") && !str_eq(wanted, "-"); i++) text = ask(who, question);
    return text;
}

#define TCP(...)                      ((struct question){SOCK_STREAM, __VA_ARGS__})
#define UDP(...)                      ((struct question){SOCK_DGRAM, __VA_ARGS__})
#define expect(who, question, answer) assert_string_equal(ask_for(who, question, answer), answer)

static struct nft_port port_make(uint8_t family, uint8_t protocol, uint16_t host_port) {
    struct nft_port port = {.family = family, .protocol = protocol, .host_port = host_port, .port = SERVER};
    inet_pton(family, family == AF_INET ? "10.1.0.2" : "fd00:a::2", port.address);
    return port;
}

static void apply(uint32_t alpha_flags, uint32_t beta_flags) {
    struct nft_network networks[] = {alpha, beta};
    networks[0].flags = alpha_flags;
    networks[1].flags = beta_flags;
    struct nft_port ports[] = {
        port_make(AF_INET, IPPROTO_TCP, 8080),  port_make(AF_INET, IPPROTO_UDP, 8080),
        port_make(AF_INET6, IPPROTO_TCP, 8080), port_make(AF_INET6, IPPROTO_UDP, 8080),
        port_make(AF_INET, IPPROTO_TCP, 8082),  port_make(AF_INET6, IPPROTO_TCP, 8082),
        port_make(AF_INET, IPPROTO_TCP, 8083),
    };
    inet_pton(AF_INET, "203.0.113.1", ports[4].host);
    inet_pton(AF_INET6, "2001:db8::1", ports[5].host);
    inet_pton(AF_INET, "127.0.0.1", ports[6].host);
    assert_int_equal(nft_table_apply(&table, networks, 2, ports, ARRAY_SIZE(ports)), 0);
    assert_true(nft_network_ready(&table, &networks[0]));
    assert_true(nft_network_ready(&table, &networks[1]));
}

static void bridge_calls(bool on) {
    setting("bridge/bridge-nf-call-iptables", on ? "1" : "0");
    setting("bridge/bridge-nf-call-ip6tables", on ? "1" : "0");
}

#define NEEDS_ROOT() \
    if (!pids[HOST]) skip()

static void in_a1(const char *commands) {
    char command[256];
    snprintf(command, sizeof command, "nsenter --net=/proc/%d/ns/net sh -c '%s'", pids[A1], commands);
    assert_int_equal(system(command), 0);
}

// Without rules everything that the rules are to stop goes through.
static void test_without(void **state) {
    (void)state;
    NEEDS_ROOT();
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "a1 203.0.113.2");
    expect(OUTSIDE, TCP("fd00:a::2", SERVER), "a1 2001:db8::2");
    expect(OUTSIDE, TCP("10.1.0.1", SERVER), "host 203.0.113.2");
    expect(A1, TCP("10.2.0.2", SERVER), "b 10.1.0.2");
    expect(A1, TCP("fd00:b::2", SERVER), "b fd00:a::2");
    assert_int_equal(system("ip route add 10.9.9.9 via 10.1.0.2; ip -6 route add fd99::9 via fd00:a::2"), 0);
    in_a1("ip address add 10.9.9.9/32 dev lo; ip address add fd99::9/128 dev lo"); // for the answers
    setting("ipv4/conf/alpha/route_localnet", "1");
    in_a1("echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet; ip address delete 127.0.0.1/8 dev lo;"
          " ip route add 127.0.0.1 via 10.1.0.1");
    expect(A1, TCP("127.0.0.1", SERVER, "10.1.0.2"), "host 10.1.0.2");
    expect(A1, UDP("10.1.0.1", SERVER, "10.9.9.9"), "host 10.9.9.9");
    expect(A1, UDP("fd00:a::1", SERVER, "fd99::9"), "host fd99::9");
}

static void check_guard(void) {
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "-");
    expect(OUTSIDE, TCP("fd00:a::2", SERVER), "-");
    expect(OUTSIDE, TCP("10.1.0.1", SERVER), "-");
    expect(A1, TCP("10.2.0.2", SERVER), "-");
    expect(A1, TCP("fd00:b::2", SERVER), "-");
    expect(A1, UDP("10.1.0.1", SERVER, "10.9.9.9"), "-");
    expect(A1, UDP("fd00:a::1", SERVER, "fd99::9"), "-");
    expect(A1, TCP("127.0.0.1", SERVER, "10.1.0.2"), "-");
    // What goes on as before.
    expect(A1, UDP("10.1.0.1", SERVER), "host 10.1.0.2");
    expect(A1, UDP("fd00:a::1", SERVER), "host fd00:a::2");
    expect(HOST, TCP("10.1.0.2", SERVER), "a1 10.1.0.1");
    expect(HOST, TCP("fd00:a::2", SERVER), "a1 fd00:a::1");
    expect(HOST, TCP("10.1.0.1", SERVER), "host 10.1.0.1");
    expect(A1, TCP("10.1.0.3", SERVER), "a2 10.1.0.2");
    expect(A1, TCP("fd00:a::3", SERVER), "a2 fd00:a::2");
    expect(A1, TCP("203.0.113.2", SERVER), "out 203.0.113.1");
    expect(A1, TCP("2001:db8::2", SERVER), "out 2001:db8::1");
}

static void check_ports(void) {
    expect(OUTSIDE, TCP("203.0.113.1", 8080), "a1 203.0.113.2");
    expect(OUTSIDE, UDP("203.0.113.1", 8080), "a1 203.0.113.2");
    expect(OUTSIDE, TCP("2001:db8::1", 8080), "a1 2001:db8::2");
    expect(OUTSIDE, UDP("2001:db8::1", 8080), "a1 2001:db8::2");
    expect(HOST, TCP("203.0.113.1", 8080), "a1 203.0.113.1");
    expect(HOST, UDP("2001:db8::1", 8080), "a1 2001:db8::1");
    expect(HOST, TCP("127.0.0.1", 8080), "a1 10.1.0.1");
    expect(HOST, UDP("127.0.0.5", 8080), "a1 10.1.0.1");
    expect(HOST, TCP("::1", 8080), "-");
    // From a container of the same network, of another, by any of the host's addresses that it may reach.
    expect(A2, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    expect(A2, UDP("10.1.0.1", 8080), "a1 10.1.0.1");
    expect(A2, TCP("2001:db8::1", 8080), "a1 fd00:a::1");
    expect(B, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    expect(B, TCP("2001:db8::1", 8080), "a1 fd00:a::1");
    // One address.
    expect(OUTSIDE, TCP("203.0.113.1", 8082), "a1 203.0.113.2");
    expect(OUTSIDE, TCP("2001:db8::1", 8082), "a1 2001:db8::2");
    expect(A2, TCP("10.1.0.1", 8082), "-");
    expect(A2, TCP("fd00:a::1", 8082), "-");
    expect(HOST, TCP("127.0.0.1", 8082), "-");
    expect(HOST, TCP("127.0.0.1", 8083), "a1 10.1.0.1");
    expect(OUTSIDE, TCP("203.0.113.1", 8083), "-");
    expect(OUTSIDE, TCP("203.0.113.1", 8081), "-"); // never published
}

static void test_rules(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(0, 0);
    bridge_calls(true);
    check_guard();
    check_ports();
    bridge_calls(false);
    check_guard();
    check_ports();
    bridge_calls(true);
}

static void test_removed(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(0, 0);
    struct nft_port port = port_make(AF_INET, IPPROTO_TCP, 8080);
    assert_int_equal(nft_ports_remove(&table, &port, 1), 0);
    expect(OUTSIDE, TCP("203.0.113.1", 8080), "-");
    expect(OUTSIDE, UDP("203.0.113.1", 8080), "a1 203.0.113.2");
    assert_int_equal(nft_ports_add(&table, &port, 1), 0);
    expect(OUTSIDE, TCP("203.0.113.1", 8080), "a1 203.0.113.2");
}

static void test_internal(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(0, NFT_INTERNAL);
    expect(B, TCP("203.0.113.2", SERVER), "-");
    expect(B, TCP("2001:db8::2", SERVER), "-");
    expect(B, TCP("10.1.0.2", SERVER), "-");
    expect(B, TCP("203.0.113.1", 8080), "-");
    expect(OUTSIDE, TCP("10.2.0.2", SERVER), "-");
    expect(HOST, TCP("10.2.0.2", SERVER), "b 10.2.0.1");
    apply(NFT_INTERNAL, 0);
    expect(A1, TCP("10.1.0.3", SERVER), "a2 10.1.0.2");
    expect(A1, TCP("203.0.113.2", SERVER), "-");
    expect(OUTSIDE, TCP("203.0.113.1", 8080), "-");
}

// Where bridged packets do not come by, that is for the bridge's ports to see to.
static void test_no_icc(void **state) {
    (void)state;
    NEEDS_ROOT();
    if (access("/proc/sys/net/bridge", F_OK)) skip();
    apply(NFT_NO_ICC, 0);
    expect(A1, TCP("10.1.0.3", SERVER), "-");
    expect(A1, TCP("fd00:a::3", SERVER), "-");
    expect(A2, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    expect(A1, TCP("203.0.113.2", SERVER), "out 203.0.113.1");
    expect(A1, TCP("2001:db8::2", SERVER), "out 2001:db8::1");
    bridge_calls(false);
    expect(A2, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    bridge_calls(true);
}

static void test_routed(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(NFT_ROUTED4, 0);
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "a1 203.0.113.2");
    expect(OUTSIDE, TCP("fd00:a::2", SERVER), "-");
    expect(A1, TCP("203.0.113.2", SERVER), "out 10.1.0.2");
    expect(A1, TCP("2001:db8::2", SERVER), "out 2001:db8::1");
    expect(B, TCP("10.1.0.2", SERVER), "a1 10.1.0.1");
    expect(A1, TCP("10.2.0.2", SERVER), "-");
    expect(A2, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    apply(NFT_ROUTED6, 0);
    expect(OUTSIDE, TCP("fd00:a::2", SERVER), "a1 2001:db8::2");
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "-");
    expect(A1, TCP("2001:db8::2", SERVER), "out fd00:a::2");
}

static void test_no_masquerade(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(NFT_NO_MASQUERADE4, 0);
    expect(A1, TCP("203.0.113.2", SERVER), "out 10.1.0.2");
    expect(A1, TCP("2001:db8::2", SERVER), "out 2001:db8::1");
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "-");
    expect(B, TCP("10.1.0.2", SERVER), "-");
    expect(A1, TCP("10.2.0.2", SERVER), "-");
    expect(A2, TCP("203.0.113.1", 8080), "a1 10.1.0.1");
    apply(NFT_NO_MASQUERADE6, 0);
    expect(A1, TCP("2001:db8::2", SERVER), "out fd00:a::2");
    expect(OUTSIDE, TCP("fd00:a::2", SERVER), "-");
}

// A reader of the gate's group, which gets packets whole and at once.
static int gate_open(void) {
    struct netlink_batch batch = {0};
    struct nfgenmsg head = {.res_id = htons(table.gate_group)};
    struct nfulnl_msg_config_cmd command = {NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode mode = {.copy_range = htonl(0xffff), .copy_mode = NFULNL_COPY_PACKET};
    int fd = netlink_open(NETLINK_NETFILTER);
    netlink_begin(&batch, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK, &head, sizeof head);
    netlink_put(&batch, NFULA_CFG_CMD, &command, sizeof command);
    netlink_begin(&batch, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK, &head, sizeof head);
    netlink_put(&batch, NFULA_CFG_MODE, &mode, sizeof mode);
    netlink_put_be32(&batch, NFULA_CFG_QTHRESH, 1);
    assert_int_equal(netlink_call(fd, &batch, NULL, NULL), 0);
    return fd;
}

// The destination's port of the next packet, 0 when none is there.
static uint16_t gate_read(int fd) {
    char bytes[4096] __attribute__((aligned(8)));
    const struct nlattr *attributes[NFULA_PAYLOAD + 1] = {0};
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    size_t skip = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
    if (n < (ssize_t)skip) return 0;
    assert_int_equal(netlink_parse(bytes + skip, (size_t)n - skip, attributes, ARRAY_SIZE(attributes)), 0);
    const uint8_t *packet = (const uint8_t *)(attributes[NFULA_PAYLOAD] + 1);
    const uint8_t *transport = packet + (packet[0] >> 4 == 4 ? (packet[0] & 15) * 4 : 40);
    return (uint16_t)(transport[2] << 8 | transport[3]);
}

static void test_respect(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(0, 0);
    struct nft_port ports[] = {port_make(AF_INET, IPPROTO_TCP, 9000), port_make(AF_INET6, IPPROTO_UDP, 9001),
                               port_make(AF_INET, IPPROTO_UDP, 9002)};
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) ports[i].respect = true;
    inet_pton(AF_INET, "203.0.113.1", ports[2].host);
    assert_int_equal(nft_ports_add(&table, ports, ARRAY_SIZE(ports)), 0);
    int gate = gate_open();
    expect(HOST, TCP("203.0.113.1", 9000), "a1 203.0.113.1");
    expect(HOST, TCP("127.0.0.1", 9000), "a1 10.1.0.1");
    expect(HOST, UDP("2001:db8::1", 9001), "a1 2001:db8::1");
    expect(HOST, UDP("203.0.113.1", 9002), "a1 203.0.113.1");
    expect(OUTSIDE, TCP("203.0.113.1", SERVER), "host 203.0.113.2");
    assert_int_equal(gate_read(gate), 0);
    expect(OUTSIDE, TCP("203.0.113.1", 9000), "-");
    assert_int_equal(gate_read(gate), 9000);
    expect(OUTSIDE, UDP("2001:db8::1", 9001), "-");
    for (uint16_t port; (port = gate_read(gate)) != 9001;) assert_int_equal(port, 9000); // tried again
    expect(A2, UDP("203.0.113.1", 9002), "-");
    assert_int_equal(gate_read(gate), 9002);
    // What the firewall does not let through does not come to the gate.
    assert_int_equal(system("nft 'table inet wall { chain input { type filter hook input priority 0;"
                            " udp dport 9002 drop; }; }'"),
                     0);
    expect(OUTSIDE, UDP("203.0.113.1", 9002), "-");
    assert_int_equal(gate_read(gate), 0);
    assert_int_equal(system("nft delete table inet wall"), 0);
    close(gate);
    assert_int_equal(nft_ports_remove(&table, ports, ARRAY_SIZE(ports)), 0);
    expect(HOST, TCP("203.0.113.1", 9000), "-");
}

// Somebody flushes everything; making it anew mends it.
static void test_flushed(void **state) {
    (void)state;
    NEEDS_ROOT();
    apply(0, 0);
    assert_int_equal(system("nft flush ruleset"), 0);
    assert_false(nft_network_ready(&table, &alpha));
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "a1 203.0.113.2");
    apply(0, 0);
    expect(OUTSIDE, TCP("10.1.0.2", SERVER), "-");
    expect(OUTSIDE, TCP("203.0.113.1", 8080), "a1 203.0.113.2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without),       cmocka_unit_test(test_rules),   cmocka_unit_test(test_removed),
        cmocka_unit_test(test_internal),      cmocka_unit_test(test_no_icc),  cmocka_unit_test(test_routed),
        cmocka_unit_test(test_no_masquerade), cmocka_unit_test(test_respect), cmocka_unit_test(test_flushed),
    };
    return cmocka_run_group_tests(tests, everybody_start, everybody_end);
}
