// SPDX-License-Identifier: Apache-2.0
// The real hoy-resolver, started as a container's start does it, and asked from network namespaces of
// containers. What it forwards comes to a server of this test's, which behaves as the name says that it is
// asked for.
#include "base/fd.h"
#include "base/id.h"
#include "kernel/link.h"
#include "kernel/process.h"
#include "network/names.h"
#include "plan/plan.h"
#include "plan/resolver.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NETWORK   "11111111111111111111111111111111111111111111111111111111111111aa"
#define OTHER     "22222222222222222222222222222222222222222222222222222222222222bb"
#define TYPE_A    1
#define TYPE_PTR  12
#define TYPE_MX   15
#define TYPE_AAAA 28

#define NOERROR  0
#define FORMERR  1
#define SERVFAIL 2
#define NXDOMAIN 3

static int runroot, own_netns;
static char runroot_path[] = "/tmp/hoy-resolver-test.XXXXXX", program_link[PATH_MAX];
static pid_t upstream;

// Messages

static size_t name_put(uint8_t *at, const char *name) {
    size_t used = 0;
    while (*name) {
        size_t label = strcspn(name, ".");
        at[used++] = (uint8_t)label;
        memcpy(at + used, name, label);
        used += label;
        name += label + (name[label] == '.');
    }
    at[used++] = 0;
    return used;
}

static size_t query_make(uint8_t *bytes, uint16_t id, const char *name, uint16_t type) {
    const uint8_t head[12] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1};
    memcpy(bytes, head, sizeof head);
    size_t used = sizeof head + name_put(bytes + sizeof head, name);
    const uint8_t tail[4] = {0, (uint8_t)type, 0, 1};
    memcpy(bytes + used, tail, sizeof tail);
    return used + sizeof tail;
}

struct answer {
    int code;
    unsigned count;
    bool truncated;
    size_t size;
    uint8_t bytes[65536];
};

// The nth answer's data; each has a pointer for its owner.
static const uint8_t *answer_data(const struct answer *a, unsigned n, size_t *ret_size) {
    size_t at = 12;
    while (a->bytes[at]) at += a->bytes[at] + 1u;
    for (at += 5;; n--) {
        size_t size = (size_t)(a->bytes[at + 10] << 8 | a->bytes[at + 11]);
        *ret_size = size;
        if (!n) return a->bytes + at + 12;
        at += 12 + size;
    }
}

static void answer_text(const struct answer *a, unsigned n, char *text) {
    size_t size;
    const uint8_t *data = answer_data(a, n, &size);
    assert_non_null(inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, INET6_ADDRSTRLEN));
}

static void answer_read(struct answer *a, ssize_t n, uint16_t id) {
    assert_true(n >= 12);
    assert_int_equal(a->bytes[0] << 8 | a->bytes[1], id);
    assert_true(a->bytes[2] & 0x80);
    a->size = (size_t)n;
    a->code = a->bytes[3] & 15;
    a->count = (unsigned)(a->bytes[6] << 8 | a->bytes[7]);
    a->truncated = a->bytes[2] & 2;
}

// Containers

struct container {
    pid_t pid;
    int netns, connection;
    char id[ID_SIZE];
};

static int in_netns(int netns, int type) {
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(setns(own_netns, CLONE_NEWNET), 0);
    assert_true(fd >= 0);
    return fd;
}

static void container_begin(struct container *c, char digit) {
    char path[64], byte;
    int ready[2];
    *c = (struct container){.connection = -1};
    memset(c->id, digit, ID_SIZE - 1);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    c->pid = fork();
    if (!c->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET)) _exit(1);
        (void)!write(ready[1], "", 1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]), close(ready[1]);
    snprintf(path, sizeof path, "/proc/%d/ns/net", c->pid);
    c->netns = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(c->netns >= 0);
}

static void container_lo(struct container *c) {
    assert_int_equal(setns(c->netns, CLONE_NEWNET), 0);
    assert_int_equal(link_up("lo"), 0);
    assert_int_equal(setns(own_netns, CLONE_NEWNET), 0);
}

static void container_names(struct container *c, const char *network, const char *const *addresses,
                            const char *const *words) {
    struct arena arena = ARENA_INIT;
    struct names names = {0};
    struct err err = {0};
    for (; *addresses; addresses++) strings_add(&arena, &names.addresses, *addresses);
    for (; *words; words++) strings_add(&arena, &names.names, *words);
    if (names_write(runroot, network, c->id, &names, &err)) fail_msg("%s", err.text);
    arena_finish(&arena);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void container_text(const struct container *c, const char *rest, struct str *text) {
    str_printf(text, "container %s\nnetwork " NETWORK " backend\n%s", c->id, rest);
}

// later: as of resolver_connect.
static void container_register_with(struct container *c, const char *rest, struct resolver_start *later) {
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    container_text(c, rest, &text);
    if (resolver_connect(runroot, NETWORK, later, &c->connection, &err)) fail_msg("%s", err.text);
    assert_int_equal(resolver_register(c->connection, str_get(&text), c->netns, -1), 0);
    container_lo(c); // only now: it must not matter
}

static void container_register(struct container *c, const char *rest) {
    container_register_with(c, rest, NULL);
}

static void container_end(struct container *c) {
    struct err err;
    fd_closep(&c->connection);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    close(c->netns);
    assert_int_equal(names_remove(runroot, NETWORK, c->id, &err), 0);
    assert_int_equal(names_remove(runroot, OTHER, c->id, &err), 0);
}

// Asking

static const struct sockaddr_in dns = {.sin_family = AF_INET, .sin_port = 0x3500};

static int ask_socket(const struct container *c, int type) {
    struct sockaddr_in address = dns;
    int fd = in_netns(c->netns, type);
    address.sin_addr.s_addr = htonl(0x7f00000b);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void ask_bytes(const struct container *c, const uint8_t *bytes, size_t size, struct answer *a) {
    _cleanup_(fd_closep) int fd = ask_socket(c, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, size, 0), size);
    answer_read(a, recv(fd, a->bytes, sizeof a->bytes, 0), (uint16_t)(bytes[0] << 8 | bytes[1]));
}

static void ask(const struct container *c, const char *name, uint16_t type, struct answer *a) {
    uint8_t bytes[512];
    ask_bytes(c, bytes, query_make(bytes, 0x1234, name, type), a);
}

static void ask_tcp(const struct container *c, const char *name, uint16_t type, struct answer *a) {
    uint8_t bytes[514], length[2];
    size_t size = query_make(bytes + 2, 0x4321, name, type);
    bytes[0] = 0, bytes[1] = (uint8_t)size;
    _cleanup_(fd_closep) int fd = ask_socket(c, SOCK_STREAM);
    // In two parts: the length alone is no message.
    assert_int_equal(send(fd, bytes, 3, 0), 3);
    assert_int_equal(send(fd, bytes + 3, size - 1, 0), size - 1);
    assert_int_equal(recv(fd, length, 2, MSG_WAITALL), 2);
    size_t expected = (size_t)(length[0] << 8 | length[1]);
    answer_read(a, recv(fd, a->bytes, expected, MSG_WAITALL), 0x4321);
    assert_int_equal(a->size, expected);
}

static void expect_address(const struct container *c, const char *name, uint16_t type, const char *address) {
    static struct answer a;
    char text[INET6_ADDRSTRLEN];
    ask(c, name, type, &a);
    if (a.code != NOERROR || a.count != 1) fail_msg("%s: code %d, %u answers", name, a.code, a.count);
    answer_text(&a, 0, text);
    assert_string_equal(text, address);
}

static void expect_code(const struct container *c, const char *name, uint16_t type, int code) {
    static struct answer a;
    ask(c, name, type, &a);
    if (a.code != code || a.count) fail_msg("%s: code %d, %u answers", name, a.code, a.count);
}

// The server that is asked what the resolver does not know

static size_t upstream_answer(uint8_t *bytes, size_t size, uint8_t last) {
    const uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last};
    bytes[2] |= 0x80;
    bytes[7] = 1;
    memcpy(bytes + size, record, sizeof record);
    return size + sizeof record;
}

static void upstream_say(int fd, const uint8_t *bytes, size_t size, const struct sockaddr_in *to) {
    (void)sendto(fd, bytes, size, 0, (const struct sockaddr *)to, sizeof *to);
}

// Wrong ids, another question, another sender: what somebody who guesses sends. Then the truth.
static void upstream_spoof(int fd, const uint8_t *bytes, size_t size, const struct sockaddr_in *to) {
    uint8_t forged[600];
    _cleanup_(fd_closep) int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(forged, bytes, size);
    size_t forged_size = upstream_answer(forged, size, 66);
    upstream_say(other, forged, forged_size, to);
    for (int i = 1; i < 6; i++) forged[1]++, upstream_say(fd, forged, forged_size, to);
    memcpy(forged, bytes, 2);
    forged[13] = 'x';
    upstream_say(fd, forged, forged_size, to);
}

static void upstream_udp(int fd) {
    uint8_t bytes[1024];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t n = recvfrom(fd, bytes, 512, 0, (struct sockaddr *)&from, &from_size);
    if (n < 17) return;
    const char *first = (const char *)bytes + 13; // of the first label
    size_t size = (size_t)n;
    if (!strncmp(first, "silent", 6)) return;
    if (!strncmp(first, "spoof", 5)) upstream_spoof(fd, bytes, size, &from);
    if (!strncmp(first, "missing", 7) || !strncmp(first, "servfail", 8)) {
        bytes[2] |= 0x80;
        bytes[3] = *first == 'm' ? NXDOMAIN : SERVFAIL;
        return upstream_say(fd, bytes, size, &from);
    }
    if (!strncmp(first, "broken", 6))
        return upstream_say(fd, bytes, upstream_answer(bytes, size, 1) - 1, &from);
    if (!strncmp(first, "loop", 4)) {
        size_t answer = upstream_answer(bytes, size, 1);
        bytes[size + 1] = (uint8_t)size; // its name points to itself
        return upstream_say(fd, bytes, answer, &from);
    }
    if (!strncmp(first, "large", 5)) {
        bytes[2] |= 0x82;
        return upstream_say(fd, bytes, size, &from);
    }
    upstream_say(fd, bytes, upstream_answer(bytes, size, 1), &from);
}

static void upstream_tcp(int listening) {
    uint8_t bytes[1024];
    _cleanup_(fd_closep) int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (recv(fd, bytes, 2, MSG_WAITALL) != 2) return;
    size_t size = (size_t)(bytes[0] << 8 | bytes[1]);
    if (size > 512 || recv(fd, bytes + 2, size, MSG_WAITALL) != (ssize_t)size) return;
    size = upstream_answer(bytes + 2, size, 2);
    bytes[0] = (uint8_t)(size >> 8), bytes[1] = (uint8_t)size;
    (void)send(fd, bytes, size + 2, MSG_NOSIGNAL);
}

static pid_t upstream_start(const char *address) {
    struct sockaddr_in at = dns;
    inet_pton(AF_INET, address, &at.sin_addr);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(udp, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(bind(tcp, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(tcp, 8), 0);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct pollfd fds[] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};
        while (poll(fds, 2, -1) > 0) {
            if (fds[0].revents) upstream_udp(udp);
            if (fds[1].revents) upstream_tcp(tcp);
        }
        _exit(0);
    }
    close(udp), close(tcp);
    return pid;
}

// What a host's resolv.conf says is heard of by a name in it that was not there before.
static void host_servers(const char *text) {
    assert_int_equal(file_replace_at(AT_FDCWD, "/etc/resolv.conf", text, strlen(text), 0644, false), 0);
}

// The resolver's own process: by its name and where it stands.
static bool is_resolver(const char *pid) {
    char path[PATH_MAX], target[PATH_MAX], name[32] = "";
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, name, sizeof name - 1) <= 0 || strcmp(name, "hoy-resolver\n") != 0) return false;
    snprintf(path, sizeof path, "/proc/%s/cwd", pid);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0) return false;
    target[n] = '\0';
    snprintf(path, sizeof path, "%s/networks", runroot_path);
    return !strcmp(path, target);
}

static pid_t resolver_pid(void) {
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *entry; !found && (entry = readdir(proc));)
        if (*entry->d_name > '0' && *entry->d_name <= '9' && is_resolver(entry->d_name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(proc);
    return found;
}

static void wait_for_end(int pidfd) {
    struct pollfd fds = {pidfd, POLLIN, 0};
    assert_int_equal(poll(&fds, 1, 20000), 1);
}

// The whole of it

static int setup(void **state) {
    char self[PATH_MAX];
    (void)state;
    if (geteuid()) return 0;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n] = '\0';
    snprintf(program_link, sizeof program_link, "%.*s/hoy-resolver", (int)(strrchr(self, '/') - self), self);
    if (symlink(RESOLVER_PROGRAM, program_link) && errno != EEXIST) return -1;
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -1;
    if (mount("tmpfs", "/etc", "tmpfs", 0, "mode=755") || link_up("lo")) return -1;
    own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (!mkdtemp(runroot_path)) return -1;
    runroot = open(runroot_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    host_servers("nameserver 127.0.0.1\n");
    upstream = upstream_start("127.0.0.1");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    if (geteuid()) return 0;
    kill(upstream, SIGKILL);
    waitpid(upstream, NULL, 0);
    unlink(program_link);
    return dir_remove_all_at(AT_FDCWD, runroot_path);
}

static void require_root(void) {
    if (geteuid()) skip();
}

static void two_containers(struct container *a, struct container *b, const char *rest) {
    require_root();
    container_begin(a, 'a');
    container_begin(b, 'b');
    container_names(a, NETWORK, LIST("10.9.0.2", "fd00:9::2"), LIST("Web", "www", "both"));
    container_names(b, NETWORK, LIST("10.9.0.3"), LIST("db", "both"));
    container_register(a, rest);
    container_register(b, rest);
}

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
static void test_servers(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "server 127.0.0.99\nserver 127.0.0.1\n");
    expect_address(&a, "good.example", TYPE_A, "192.0.2.1");
    expect_code(&a, "silent.example", TYPE_A, SERVFAIL);
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
    container_register(&a, "");
    str_printf(&text, "container %s\nnetwork " NETWORK " backend internal\n", a.id);
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    expect_address(&a, "web", TYPE_A, "10.9.0.2");
    expect_code(&a, "good.example", TYPE_A, SERVFAIL);
    // Where the C library goes on with the next name, it has to hear that there is none.
    str_printf(&text, "ndots\n");
    assert_int_equal(resolver_update(runroot, NETWORK, a.id, str_get(&text), &err), 0);
    expect_code(&a, "good.example", TYPE_A, NXDOMAIN);
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

static void test_end(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    pid_t pid = resolver_pid();
    assert_true(pid > 0);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    container_end(&a);
    expect_address(&b, "db", TYPE_A, "10.9.0.3");
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
    assert_int_equal(resolver_pid(), 0);
}

// Many come and go at once: whoever has registered is served.
static void come_and_go(int rounds, char digit) {
    struct container c;
    container_begin(&c, digit);
    for (int i = 0; i < rounds; i++) {
        container_names(&c, NETWORK, LIST("10.9.7.1"), LIST("own"));
        container_register(&c, "");
        expect_code(&c, "own", TYPE_AAAA, NOERROR);
        fd_closep(&c.connection);
    }
    container_end(&c);
}

static void test_many(void **state) {
    int status;
    pid_t pids[8];
    (void)state;
    require_root();
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        pids[i] = fork();
        if (pids[i]) continue;
        setenv("CMOCKA_TEST_ABORT", "1", 1); // a failure is this process's end
        come_and_go(50, "01234567"[i]);
        _exit(0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

// What of a container is in its run directory: who starts a new resolver finds it there.
static void plan_write(const struct container *c) {
    struct plan plan;
    char path[PATH_MAX];
    struct plan_block *block = NULL;
    struct err err = {0};
    int fd = -1;
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "containers/%s", c->id);
    assert_int_equal(dir_make_all_at(runroot, path, 0700), 0);
    _cleanup_(fd_closep) int dir = openat(runroot, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    container_text(c, "", &text);
    plan_init(&plan);
    if (names_keep(runroot, c->id, NETWORK, str_get(&text), &err)) fail_msg("%s", err.text);
    assert_int_equal(plan_save(&plan, dir, "plan", &fd, &block), 0);
    struct process_stat process;
    assert_int_equal(process_stat(c->pid, &process), 0);
    block->pid = c->pid;
    block->start_time = process.start_time;
    plan_unmap(block);
    close(fd);
    plan_finish(&plan);
}

static void resolver_kill(void) {
    pid_t pid = resolver_pid();
    assert_true(pid > 0);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for_end(pidfd);
    close(pidfd);
}

static void test_killed(void **state) {
    struct container a, b, c;
    (void)state;
    two_containers(&a, &b, "");
    plan_write(&a);
    plan_write(&b);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    resolver_kill();
    int pidfd;
    container_begin(&c, 'c');
    container_names(&c, NETWORK, LIST("10.9.0.4"), LIST("late"));
    container_register(&c, "");
    expect_address(&c, "web", TYPE_A, "10.9.0.2");
    expect_address(&a, "late", TYPE_A, "10.9.0.4");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    pidfd = (int)syscall(SYS_pidfd_open, resolver_pid(), 0);
    container_end(&c);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    container_end(&a); // its process is what counts now
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
}

// The network's first is registered before there is a resolver, and another one joins it. Its question waits.
static void test_later(void **state) {
    struct container a, b;
    struct resolver_start later = RESOLVER_START_NONE, none = RESOLVER_START_NONE;
    static struct answer answer;
    struct err err = {0};
    uint8_t bytes[512];
    (void)state;
    require_root();
    container_begin(&a, 'a');
    container_begin(&b, 'b');
    container_names(&a, NETWORK, LIST("10.9.0.2"), LIST("web"));
    container_register_with(&a, "", &later);
    assert_true(resolver_is_to_run(&later));
    assert_int_equal(resolver_pid(), 0);
    container_names(&b, NETWORK, LIST("10.9.0.3"), LIST("db"));
    container_register_with(&b, "", &none);
    assert_false(resolver_is_to_run(&none));
    size_t size = query_make(bytes, 0x1234, "db", TYPE_A);
    _cleanup_(fd_closep) int asked = ask_socket(&a, SOCK_DGRAM);
    assert_int_equal(send(asked, bytes, size, 0), size);
    if (resolver_run(&later, &err)) fail_msg("%s", err.text);
    assert_false(resolver_is_to_run(&later));
    answer_read(&answer, recv(asked, answer.bytes, sizeof answer.bytes, 0), 0x1234);
    assert_int_equal(answer.count, 1);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    int pidfd = (int)syscall(SYS_pidfd_open, resolver_pid(), 0);
    container_end(&a);
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
}

// Who was to run it does not: the shim hears that, and the next one serves its container as well.
static void test_never_run(void **state) {
    struct container a, b;
    struct resolver_start later = RESOLVER_START_NONE;
    (void)state;
    require_root();
    container_begin(&a, 'a');
    container_names(&a, NETWORK, LIST("10.9.0.2"), LIST("web"));
    container_register_with(&a, "", &later);
    plan_write(&a);
    assert_true(resolver_is_to_run(&later));
    resolver_start_finish(&later);
    wait_for_end(a.connection);
    container_begin(&b, 'b');
    container_names(&b, NETWORK, LIST("10.9.0.3"), LIST("db"));
    container_register_with(&b, "", &later);
    assert_false(resolver_is_to_run(&later)); // there is somebody to be registered again
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    expect_address(&a, "db", TYPE_A, "10.9.0.3");
    container_end(&a);
    container_end(&b);
}

// As a shim has it: the other end of the socket.
static int hold(const struct container *c) {
    int ends[2];
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    container_text(c, "", &text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    if (resolver_hold(runroot, NETWORK, c->id, str_get(&text), ends[0], &err)) fail_msg("%s", err.text);
    close(ends[0]);
    return ends[1];
}

static void test_held(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "");
    plan_write(&a);
    plan_write(&b);
    int end = hold(&a);
    fd_closep(&a.connection); // which counts no more
    expect_address(&a, "db", TYPE_A, "10.9.0.3");
    for (int i = 0; i < 2; i++) {
        resolver_kill();
        wait_for_end(end); // it is heard of
        close(end);
        end = hold(&a);
        expect_address(&a, "db", TYPE_A, "10.9.0.3");
        expect_address(&b, "web", TYPE_A, "10.9.0.2");
    }
    pid_t pid = resolver_pid();
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    container_end(&b);
    expect_address(&a, "web", TYPE_A, "10.9.0.2");
    close(end);
    wait_for_end(pidfd); // although its process is there
    close(pidfd);
    container_end(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_turns),     cmocka_unit_test(test_changes),
        cmocka_unit_test(test_scope),        cmocka_unit_test(test_forward),   cmocka_unit_test(test_servers),
        cmocka_unit_test(test_host_changes), cmocka_unit_test(test_internal),  cmocka_unit_test(test_ndots),
        cmocka_unit_test(test_bad_messages), cmocka_unit_test(test_flood),     cmocka_unit_test(test_end),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_killed),    cmocka_unit_test(test_held),
        cmocka_unit_test(test_later),        cmocka_unit_test(test_never_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
