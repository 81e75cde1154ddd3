// SPDX-License-Identifier: Apache-2.0
#include "network/resolver_rig.h"

#include "base/fd.h"
#include "kernel/link.h"
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int runroot;
static int own_netns;
static char runroot_path[] = "/tmp/hoy-resolver-test.XXXXXX";
static pid_t upstream;
static bool upstream_ends; // after this answer

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

size_t query_make(uint8_t *bytes, uint16_t id, const char *name, uint16_t type) {
    const uint8_t head[12] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1};
    memcpy(bytes, head, sizeof head);
    size_t used = sizeof head + name_put(bytes + sizeof head, name);
    const uint8_t tail[4] = {0, (uint8_t)type, 0, 1};
    memcpy(bytes + used, tail, sizeof tail);
    return used + sizeof tail;
}

const uint8_t *answer_data(const struct answer *a, unsigned n, size_t *ret_size) {
    size_t at = 12;
    while (a->bytes[at]) at += a->bytes[at] + 1u;
    for (at += 5;; n--) {
        size_t size = (size_t)(a->bytes[at + 10] << 8 | a->bytes[at + 11]);
        *ret_size = size;
        if (!n) return a->bytes + at + 12;
        at += 12 + size;
    }
}

void answer_text(const struct answer *a, unsigned n, char *text) {
    size_t size;
    const uint8_t *data = answer_data(a, n, &size);
    assert_non_null(inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, INET6_ADDRSTRLEN));
}

void answer_read(struct answer *a, ssize_t n, uint16_t id) {
    assert_true(n >= 12);
    assert_int_equal(a->bytes[0] << 8 | a->bytes[1], id);
    assert_true(a->bytes[2] & 0x80);
    a->size = (size_t)n;
    a->code = a->bytes[3] & 15;
    a->count = (unsigned)(a->bytes[6] << 8 | a->bytes[7]);
    a->truncated = a->bytes[2] & 2;
}

// Containers

static int in_netns(int netns, int type) {
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(setns(own_netns, CLONE_NEWNET), 0);
    assert_true(fd >= 0);
    return fd;
}

void container_begin(struct container *c, char digit) {
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

void container_names(struct container *c, const char *network, const char *const *addresses,
                     const char *const *words) {
    struct arena arena = ARENA_INIT;
    struct names names = {0};
    struct err err = {0};
    for (; *addresses; addresses++) strings_add(&arena, &names.addresses, *addresses);
    for (; *words; words++) strings_add(&arena, &names.names, *words);
    if (names_write(runroot, network, c->id, &names, &err)) fail_msg("%s", err.text);
    arena_finish(&arena);
}

void container_text(const struct container *c, const char *rest, struct str *text) {
    str_printf(text, "container %s\nnetwork " NETWORK " backend\n%s", c->id, rest);
}

void container_register_with(struct container *c, const char *rest, struct resolver_start *later) {
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    container_text(c, rest, &text);
    if (resolver_connect(runroot, NETWORK, later, &c->connection, &err)) fail_msg("%s", err.text);
    assert_int_equal(resolver_register(c->connection, str_get(&text), c->netns, -1), 0);
    container_lo(c); // only now: it must not matter
}

void container_register(struct container *c, const char *rest) {
    container_register_with(c, rest, NULL);
}

void container_end(struct container *c) {
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

int ask_socket(const struct container *c, int type) {
    struct sockaddr_in address = dns;
    int fd = in_netns(c->netns, type);
    address.sin_addr.s_addr = htonl(0x7f00000b);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void ask_bytes(const struct container *c, const uint8_t *bytes, size_t size, struct answer *a) {
    _cleanup_(fd_closep) int fd = ask_socket(c, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, size, 0), size);
    answer_read(a, recv(fd, a->bytes, sizeof a->bytes, 0), (uint16_t)(bytes[0] << 8 | bytes[1]));
}

void ask(const struct container *c, const char *name, uint16_t type, struct answer *a) {
    uint8_t bytes[512];
    ask_bytes(c, bytes, query_make(bytes, 0x1234, name, type), a);
}

void ask_tcp(const struct container *c, const char *name, uint16_t type, struct answer *a) {
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

void expect_address(const struct container *c, const char *name, uint16_t type, const char *address) {
    static struct answer a;
    char text[INET6_ADDRSTRLEN];
    ask(c, name, type, &a);
    if (a.code != NOERROR || a.count != 1) fail_msg("%s: code %d, %u answers", name, a.code, a.count);
    answer_text(&a, 0, text);
    assert_string_equal(text, address);
}

void expect_code(const struct container *c, const char *name, uint16_t type, int code) {
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

// "slow" is answered after two seconds, by a process for this one alone. True: that is another one's to do.
static bool upstream_is_slow(const char *first) {
    if (strncmp(first, "slow", 4) != 0) return false;
    if (fork()) return true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    upstream_ends = true;
    (void)poll(NULL, 0, 2000);
    return false;
}

static void upstream_udp(int fd) {
    uint8_t bytes[1024];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t n = recvfrom(fd, bytes, 512, 0, (struct sockaddr *)&from, &from_size);
    if (n < 17) return;
    const char *first = (const char *)bytes + 13; // of the first label
    size_t size = (size_t)n;
    if (!strncmp(first, "silent", 6) || upstream_is_slow(first)) return;
    if (!strncmp(first, "spoof", 5)) upstream_spoof(fd, bytes, size, &from);
    if (!strncmp(first, "missing", 7) || !strncmp(first, "servfail", 8)) {
        bytes[2] |= 0x80;
        bytes[3] = *first == 'm' ? NXDOMAIN : SERVFAIL;
        return upstream_say(fd, bytes, size, &from);
    }
    if (!strncmp(first, "bare", 4)) { // a head alone, cut, that promises an answer
        memcpy(bytes + 2, (const uint8_t[]){0x82, SERVFAIL, 0, 0, 0, 1, 0, 0, 0, 0}, 10);
        return upstream_say(fd, bytes, 12, &from);
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
    if (size > 512 || recv(fd, bytes + 2, size, MSG_WAITALL) != (ssize_t)size ||
        upstream_is_slow((char *)bytes + 15))
        return;
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
        signal(SIGCHLD, SIG_IGN);
        struct pollfd fds[] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};
        while (!upstream_ends && poll(fds, 2, -1) > 0) {
            if (fds[0].revents)
                upstream_udp(udp);
            else if (fds[1].revents)
                upstream_tcp(tcp);
        }
        _exit(0);
    }
    close(udp), close(tcp);
    return pid;
}

pid_t container_upstream(const struct container *c) {
    assert_int_equal(setns(c->netns, CLONE_NEWNET), 0);
    pid_t pid = upstream_start("127.0.0.1");
    assert_int_equal(setns(own_netns, CLONE_NEWNET), 0);
    return pid;
}

void upstream_end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void host_servers(const char *text) {
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

pid_t resolver_pid(void) {
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *entry; !found && (entry = readdir(proc));)
        if (*entry->d_name > '0' && *entry->d_name <= '9' && is_resolver(entry->d_name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(proc);
    return found;
}

void wait_for_end(int pidfd) {
    struct pollfd fds = {pidfd, POLLIN, 0};
    assert_int_equal(poll(&fds, 1, 20000), 1);
}

// The whole of it

int resolver_rig_setup(void **state) {
    char self[PATH_MAX], program_link[PATH_MAX];
    (void)state;
    if (geteuid()) return 0;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n] = '\0';
    snprintf(program_link, sizeof program_link, "%.*s/hoy-resolver", (int)(strrchr(self, '/') - self), self);
    // It stays: another test may be using it.
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

int resolver_rig_teardown(void **state) {
    (void)state;
    if (geteuid()) return 0;
    upstream_end(upstream);
    return dir_remove_all_at(AT_FDCWD, runroot_path);
}

void require_root(void) {
    if (geteuid()) skip();
}

void two_containers(struct container *a, struct container *b, const char *rest) {
    require_root();
    container_begin(a, 'a');
    container_begin(b, 'b');
    container_names(a, NETWORK, LIST("10.9.0.2", "fd00:9::2"), LIST("Web", "www", "both"));
    container_names(b, NETWORK, LIST("10.9.0.3"), LIST("db", "both"));
    container_register(a, rest);
    container_register(b, rest);
}
