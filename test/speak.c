// SPDX-License-Identifier: Apache-2.0
// Two who speak with each other over a network, to see whether they can. Linked statically, so that it runs
// in any root.
//
// - speak serve PORT: answers everybody on TCP, UDP and SCTP, over IPv4 and IPv6, with the address that they
// come from.
//   Prints "ready" when it does.
// - speak ask WORD...: WORD is MILLISECONDS/PROTOCOL/PORT/ADDRESS, PROTOCOL one of tcp, udp, sctp and icmp.
// All are asked at once; a line for each
//   says "works ADDRESS" (as the other side sees us; nothing for icmp), "refused", or "unreachable" when
//   nothing came in that time or the kernel said so.
// - speak has sctp: whether the kernel has sockets of SCTP.
//
// Where it has none SCTP's first two packets, INIT and INIT ACK, are exchanged by raw sockets: all that
// routes, rules and translations of addresses have to do with is seen by that. Nobody refuses then.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVERS 6
#define WORDS   128

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_size(const union address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static void address_set_port(union address *address, uint16_t port) {
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

static void address_print(const union address *address, char ret_text[static 64]) {
    *ret_text = '\0';
    (void)getnameinfo(&address->any, address_size(address), ret_text, 64, NULL, 0, NI_NUMERICHOST);
}

static bool kernel_has_sctp(void) {
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

// SCTP's packets, for raw sockets

struct sctp_packet {
    uint16_t source, target;
    uint32_t tag, checksum;
    uint8_t chunk, flags;
    uint16_t length;
    uint32_t own_tag, window;
    uint16_t streams_out, streams_in;
    uint32_t sequence;
    uint16_t parameter, parameter_length; // of an INIT ACK: its cookie, which is the answer
    char cookie[64];
};

#define INIT      1
#define INIT_ACK  2
#define INIT_SIZE offsetof(struct sctp_packet, parameter)

static uint32_t crc32c(const void *data, size_t size) {
    uint32_t crc = ~0u;
    for (const uint8_t *c = data; size--; c++) {
        crc ^= *c;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static size_t sctp_finish(struct sctp_packet *packet, uint8_t chunk, size_t size) {
    packet->chunk = chunk;
    packet->length = htons((uint16_t)(size - 12));
    packet->window = htonl(65536);
    packet->streams_out = packet->streams_in = htons(1);
    packet->checksum = 0;
    packet->checksum = crc32c(packet, size); // the lowest byte first, as it is stored here
    return size;
}

// The packet behind an IPv4 header, which raw sockets of IPv6 do not give.
static const struct sctp_packet *sctp_at(const char *data, ssize_t size, int family) {
    ssize_t skip = family == AF_INET && size > 0 ? (*data & 15) * 4 : 0;
    return size - skip >= (ssize_t)INIT_SIZE ? (const void *)(data + skip) : NULL;
}

// Serving

struct server {
    const char *address; // or NULL
    int fd, family;
    enum { STREAM, DATAGRAM, RAW } kind;
    uint16_t port;
};

static int server_open(struct server *server, int type, int protocol) {
    int one = 1, v6 = server->family == AF_INET6;
    union address any = {.any.sa_family = (sa_family_t)server->family};
    server->fd = socket(server->family, type, protocol);
    if (server->fd < 0) return -1;
    setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (v6) setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    // Answers come from the address that was asked.
    setsockopt(server->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &one,
               sizeof one);
    if (server->kind == RAW) return 0;
    if (server->address)
        (void)inet_pton(server->family, server->address, v6 ? (void *)&any.v6.sin6_addr : &any.v4.sin_addr);
    address_set_port(&any, server->port);
    if (bind(server->fd, &any.any, address_size(&any))) return -1;
    return server->kind == STREAM ? listen(server->fd, 64) : 0;
}

static void answer_stream(const struct server *server) {
    union address from = {0};
    char text[64];
    socklen_t size = sizeof from;
    int fd = accept(server->fd, &from.any, &size);
    if (fd < 0) return;
    address_print(&from, text);
    (void)!write(fd, text, strlen(text));
    close(fd);
}

// The same control message is what the answer leaves with; by which interface is the routes' business.
static void keep_source(struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            ((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex = 0;
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
    }
}

static size_t answer_init(const struct server *server, const char *data, ssize_t size, const char *text,
                          struct sctp_packet *ret_answer) {
    const struct sctp_packet *asked = sctp_at(data, size, server->family);
    if (!asked || asked->chunk != INIT || asked->target != htons(server->port)) return 0;
    *ret_answer = (struct sctp_packet){.source = asked->target,
                                       .target = asked->source,
                                       .tag = asked->own_tag,
                                       .own_tag = htonl(7),
                                       .sequence = htonl(7),
                                       .parameter = htons(7),
                                       .parameter_length = htons(4 + sizeof ret_answer->cookie)};
    snprintf(ret_answer->cookie, sizeof ret_answer->cookie, "%s", text);
    return sctp_finish(ret_answer, INIT_ACK, sizeof *ret_answer);
}

static void answer_packet(const struct server *server) {
    union address from = {0};
    char data[2048], control[256], text[64];
    struct sctp_packet answer;
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(server->fd, &message, 0);
    if (size < 0) return;
    address_print(&from, text);
    part = (struct iovec){text, strlen(text)};
    if (server->kind == RAW) {
        part = (struct iovec){&answer, answer_init(server, data, size, text, &answer)};
        address_set_port(&from, 0);
    }
    keep_source(&message);
    if (part.iov_len) (void)!sendmsg(server->fd, &message, 0);
}

static int serve(uint16_t port, char *const *addresses) {
    struct server servers[SERVERS];
    struct pollfd polls[SERVERS];
    size_t count = 0;
    bool sctp = kernel_has_sctp();
    for (int i = 0; i < SERVERS; i++) {
        struct server *server = &servers[count];
        *server = (struct server){.address = *addresses ? addresses[i % 2] : NULL,
                                  .family = i % 2 ? AF_INET6 : AF_INET,
                                  .port = port};
        server->kind = i < 2 || (i >= 4 && sctp) ? STREAM : i < 4 ? DATAGRAM : RAW;
        int type[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};
        if (server_open(server, type[server->kind], i < 4 ? 0 : IPPROTO_SCTP)) {
            if (errno == EAFNOSUPPORT) continue;
            return perror("speak serve"), 1;
        }
        polls[count++] = (struct pollfd){.fd = server->fd, .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(polls, count, -1) < 0) return 1;
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents)
                servers[i].kind == STREAM ? answer_stream(&servers[i]) : answer_packet(&servers[i]);
    }
}

// Asking

struct question {
    char protocol[8], address[64];
    int patience_ms, fd;
    uint16_t port;
    union address target;
    uint16_t id; // of our packets
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

// 0, or the error that the kernel knows of.
static int wait_for(int fd, short events, int64_t until_ms) {
    struct pollfd end = {.fd = fd, .events = events};
    int64_t left = until_ms - now_ms();
    int error = 0, n = poll(&end, 1, left > 0 ? (int)left : 0);
    if (n == 0) return ETIMEDOUT;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    return error;
}

static int ask_stream(const struct question *q, int64_t until_ms, char ret_answer[static 64]) {
    if (connect(q->fd, &q->target.any, address_size(&q->target)) && errno != EINPROGRESS) return errno;
    int error = wait_for(q->fd, POLLOUT, until_ms);
    if (!error) error = wait_for(q->fd, POLLIN, until_ms);
    if (error) return error;
    ssize_t size = read(q->fd, ret_answer, 63);
    if (size <= 0) return size ? errno : ECONNRESET;
    ret_answer[size] = '\0';
    return 0;
}

static size_t packet_make(const struct question *q, void *packet) {
    bool v6 = q->target.any.sa_family == AF_INET6;
    if (!strcmp(q->protocol, "udp")) return 1;
    if (!strcmp(q->protocol, "sctp")) {
        struct sctp_packet *init = packet;
        init->source = htons(q->id);
        init->target = htons(q->port);
        init->own_tag = init->sequence = htonl(q->id);
        return sctp_finish(init, INIT, INIT_SIZE);
    }
    uint16_t *echo = packet; // type and code, checksum, id, sequence
    echo[0] = htons((v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO) << 8);
    echo[2] = q->id;
    uint32_t sum = (uint32_t)echo[0] + echo[2];
    if (!v6) echo[1] = (uint16_t) ~(sum + (sum >> 16)); // of IPv6 the kernel makes it
    return 8;
}

// Whether it is the answer.
static bool packet_read(const struct question *q, const char *data, ssize_t size,
                        char ret_answer[static 64]) {
    bool v6 = q->target.any.sa_family == AF_INET6;
    if (!strcmp(q->protocol, "udp")) {
        snprintf(ret_answer, 64, "%.*s", (int)size, data);
        return true;
    }
    if (!strcmp(q->protocol, "sctp")) {
        const struct sctp_packet *packet = sctp_at(data, size, q->target.any.sa_family);
        if (!packet || packet->chunk != INIT_ACK || packet->target != htons(q->id) ||
            packet->tag != htonl(q->id) || size < (ssize_t)sizeof *packet)
            return false;
        snprintf(ret_answer, 64, "%.63s", packet->cookie);
        return true;
    }
    const uint8_t *echo = (const uint8_t *)data + (v6 ? 0 : (*data & 15) * 4);
    return echo[0] == (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && !memcmp(echo + 4, &q->id, 2);
}

// A packet may get lost, as one that has no neighbour's address yet does: it is sent again.
static int ask_packet(const struct question *q, int64_t until_ms, char ret_answer[static 64]) {
    _Alignas(8) char packet[256] = {0}, data[2048];
    size_t size = packet_make(q, packet);
    union address target = q->target;
    if (strcmp(q->protocol, "udp")) address_set_port(&target, 0);
    if (connect(q->fd, &target.any, address_size(&target))) return errno;
    for (int64_t again_ms = 0; now_ms() < until_ms;) {
        if (now_ms() >= again_ms) {
            if (send(q->fd, packet, size, 0) < 0 && errno != EAGAIN) return errno;
            again_ms = now_ms() + 300;
        }
        int error = wait_for(q->fd, POLLIN, again_ms < until_ms ? again_ms : until_ms);
        if (error && error != ETIMEDOUT) return error;
        ssize_t got = error ? -1 : recv(q->fd, data, sizeof data, 0);
        if (got > 0 && packet_read(q, data, got, ret_answer)) return 0;
    }
    return ETIMEDOUT;
}

static int question_read(const char *word, struct question *q) {
    struct addrinfo *found, hints = {.ai_flags = AI_NUMERICHOST};
    if (sscanf(word, "%d/%7[a-z0-9]/%hu/%63s", &q->patience_ms, q->protocol, &q->port, q->address) != 4 ||
        getaddrinfo(q->address, NULL, &hints, &found))
        return -1;
    memcpy(&q->target, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    address_set_port(&q->target, q->port);
    return 0;
}

static int question_ask(struct question *q, char ret_answer[static 64]) {
    int family = q->target.any.sa_family;
    bool icmp = !strcmp(q->protocol, "icmp"), sctp = !strcmp(q->protocol, "sctp"),
         stream = !strcmp(q->protocol, "tcp") || (sctp && kernel_has_sctp());
    int type = stream ? SOCK_STREAM : icmp || sctp ? SOCK_RAW : SOCK_DGRAM;
    int protocol = sctp ? IPPROTO_SCTP : !icmp ? 0 : family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int64_t until_ms = now_ms() + q->patience_ms;
    q->fd = socket(family, type | SOCK_NONBLOCK, protocol);
    if (q->fd < 0) return errno;
    return stream ? ask_stream(q, until_ms, ret_answer) : ask_packet(q, until_ms, ret_answer);
}

static void ask_one(const char *word, unsigned number, char ret_line[static 80]) {
    struct question q = {.id = (uint16_t)(getpid() % 20000 + 32768 + number)};
    char answer[64] = "";
    if (question_read(word, &q)) {
        snprintf(ret_line, 80, "not understood: %.60s", word);
        return;
    }
    int error = question_ask(&q, answer);
    if (!error)
        snprintf(ret_line, 80, "works%s%s", *answer ? " " : "", answer);
    else
        snprintf(ret_line, 80, "%s",
                 error == ECONNREFUSED || error == ENOPROTOOPT ? "refused" : "unreachable");
}

static int ask(int count, char **words) {
    char(*lines)[80] =
        mmap(NULL, sizeof(char[WORDS][80]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lines == MAP_FAILED || count > WORDS) return 1;
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            ask_one(words[i], (unsigned)i, lines[i]);
            _exit(0);
        }
    while (wait(NULL) > 0) {}
    for (int i = 0; i < count; i++) puts(lines[i]);
    return 0;
}

int main(int argc, char **argv) {
    if ((argc == 3 || argc == 5) && !strcmp(argv[1], "serve"))
        return serve((uint16_t)atoi(argv[2]), argv + 3);
    if (argc > 2 && !strcmp(argv[1], "ask")) return ask(argc - 2, argv + 2);
    if (argc == 3 && !strcmp(argv[1], "has")) return kernel_has_sctp() ? 0 : 1;
    fputs("speak serve PORT [IPV4 IPV6] | speak ask MILLISECONDS/PROTOCOL/PORT/ADDRESS... | speak has sctp\n",
          stderr);
    return 2;
}
