// SPDX-License-Identifier: Apache-2.0
// A batch is the bytes of its messages; lengths are kept right after every attribute, so that there is no
// step to forget at the end. Reading trusts no length: each is compared with what is left before it is used,
// though only the kernel can write to the socket.
#include "kernel/netlink.h"

#include "base/fd.h"
#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ALIGN(n) (((n) + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1))

#define AWAITED_MAX     32
#define MESSAGES_MAX    ((size_t)256 << 20)
#define SEND_OVERHEAD   4096
#define SEND_BUFFER_MIN 65536 // every system's sockets have as much from the start

static char error_text[160];

const char *netlink_error_text(void) {
    return error_text;
}

static char *batch_bytes(struct netlink_batch *batch) {
    return batch->heap ? batch->heap : batch->bytes;
}

const char *netlink_batch_bytes(const struct netlink_batch *batch) {
    return batch->heap ? batch->heap : batch->bytes;
}

void netlink_batch_finish(struct netlink_batch *batch) {
    free(batch->heap);
    batch->heap = NULL;
}

// Is there room for so many bytes more, or can it be made?
static bool batch_fits(struct netlink_batch *batch, size_t size) {
    size_t room = batch->heap ? batch->heap_size : sizeof batch->bytes;
    if (size <= room - batch->used) return true;
    if (!batch->growing || size > MESSAGES_MAX - batch->used) return false;
    while (room - batch->used < size) room *= 2;
    char *heap = realloc(batch->heap, room);
    if (!heap) return false;
    if (!batch->heap) memcpy(heap, batch->bytes, batch->used);
    batch->heap = heap;
    batch->heap_size = room;
    return true;
}

static struct nlmsghdr *batch_message(struct netlink_batch *batch) {
    return (struct nlmsghdr *)(batch_bytes(batch) + batch->message);
}

// Makes the message size bytes longer, and the padding. Where they are, or NULL when the buffer is full.
static char *message_grow(struct netlink_batch *batch, size_t size) {
    if (batch->overflow || size > MESSAGES_MAX || !batch_fits(batch, ALIGN(size))) {
        batch->overflow = true;
        return NULL;
    }
    char *at = batch_bytes(batch) + batch->used;
    if (size) memset(at + ALIGN(size) - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
    batch->used += ALIGN(size);
    batch_message(batch)->nlmsg_len = (uint32_t)(batch->used - batch->message);
    return at;
}

static void message_await(struct netlink_batch *batch) {
    if (batch->count <= AWAITED_MAX)
        batch->pending |= 1u << (batch->count - 1);
    else
        batch->last = batch->count;
}

void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *header,
                   size_t size) {
    struct nlmsghdr head = {.nlmsg_len = (uint32_t)(sizeof head + ALIGN(size)),
                            .nlmsg_type = type,
                            .nlmsg_flags = flags | NLM_F_REQUEST,
                            .nlmsg_seq = batch->count + 1};
    batch->message = batch->used;
    char *at = message_grow(batch, sizeof head + size);
    if (!at) return;
    memcpy(at, &head, sizeof head);
    if (size) memcpy(at + sizeof head, header, size);
    batch->count++;
    // A dump is two bits, of which NLM_F_EXCL is one.
    if (flags & NLM_F_ACK || (flags & NLM_F_DUMP) == NLM_F_DUMP) message_await(batch);
}

void netlink_acknowledge(struct netlink_batch *batch) {
    if (!batch->count || batch->overflow) return;
    batch_message(batch)->nlmsg_flags |= NLM_F_ACK;
    message_await(batch);
}

void netlink_optional(struct netlink_batch *batch) {
    if (batch->count > AWAITED_MAX) batch->overflow = true;
    if (batch->count && !batch->overflow) batch->optional |= 1u << (batch->count - 1);
}

void netlink_put(struct netlink_batch *batch, uint16_t type, const void *data, size_t size) {
    struct nlattr head = {.nla_len = (uint16_t)(sizeof head + size), .nla_type = type};
    if (size > UINT16_MAX - sizeof head) batch->overflow = true;
    char *at = message_grow(batch, sizeof head + size);
    if (!at) return;
    memcpy(at, &head, sizeof head);
    if (size) memcpy(at + sizeof head, data, size);
}

void netlink_put_u8(struct netlink_batch *batch, uint16_t type, uint8_t value) {
    netlink_put(batch, type, &value, sizeof value);
}

void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value) {
    netlink_put(batch, type, &value, sizeof value);
}

void netlink_put_be32(struct netlink_batch *batch, uint16_t type, uint32_t value) {
    netlink_put_u32(batch, type, htonl(value));
}

void netlink_put_string(struct netlink_batch *batch, uint16_t type, const char *text) {
    netlink_put(batch, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_batch *batch, uint16_t type) {
    size_t at = batch->used;
    netlink_put(batch, type | NLA_F_NESTED, NULL, 0);
    return at;
}

void netlink_put_bytes(struct netlink_batch *batch, const void *bytes, size_t size) {
    char *at = message_grow(batch, size);
    if (at && size) memcpy(at, bytes, size);
}

void netlink_end(struct netlink_batch *batch, size_t nest) {
    if (batch->used - nest > UINT16_MAX) batch->overflow = true;
    if (batch->overflow) return;
    struct nlattr *attribute = (struct nlattr *)(batch_bytes(batch) + nest);
    attribute->nla_len = (uint16_t)(batch->used - nest);
}

int netlink_open(int protocol) {
    _cleanup_(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    // Both only make answers better: the reason in words, and no copy of the request in them.
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &(int){1}, sizeof(int));
    return take_fd(&fd);
}

// The kernel's words, which stand behind the error and (when it was not capped) the copied request.
static void error_text_read(const struct nlmsghdr *message, const struct nlmsgerr *error) {
    size_t skip = NLMSG_HDRLEN + sizeof *error;
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS)) return;
    if (!(message->nlmsg_flags & NLM_F_CAPPED)) {
        if (error->msg.nlmsg_len < NLMSG_HDRLEN || error->msg.nlmsg_len > message->nlmsg_len) return;
        skip += ALIGN(error->msg.nlmsg_len - NLMSG_HDRLEN);
    }
    if (skip > message->nlmsg_len) return;
    const struct nlattr *table[NLMSGERR_ATTR_MSG + 1] = {0};
    if (netlink_parse((const char *)message + skip, message->nlmsg_len - skip, table, ARRAY_SIZE(table)))
        return;
    netlink_get_string(table[NLMSGERR_ATTR_MSG], error_text, sizeof error_text);
}

struct answers {
    uint32_t pending, optional, last, count;
    netlink_each *each;
    void *data;
};

static int answer_read(struct answers *answers, const struct nlmsghdr *message) {
    const char *payload = (const char *)message + NLMSG_HDRLEN;
    size_t size = message->nlmsg_len - NLMSG_HDRLEN;
    uint32_t place = message->nlmsg_seq - 1, bit = place < AWAITED_MAX ? 1u << place : 0;
    if (message->nlmsg_type == NLMSG_NOOP || place >= answers->count) return 0;
    if (message->nlmsg_type == NLMSG_OVERRUN) return -ENOBUFS;
    if (message->nlmsg_type != NLMSG_ERROR && message->nlmsg_type != NLMSG_DONE)
        return answers->each ? answers->each(message->nlmsg_type, payload, size, answers->data) : 0;

    answers->pending &= ~bit;
    if (message->nlmsg_seq == answers->last) answers->last = 0;
    int result = 0; // a dump's end carries its error, an acknowledgement 0
    if (size >= sizeof result) memcpy(&result, payload, sizeof result);
    if (message->nlmsg_type == NLMSG_ERROR && size < sizeof(struct nlmsgerr)) return -EBADMSG;
    if (result >= 0 || (answers->optional & bit)) return 0;
    if (message->nlmsg_type == NLMSG_ERROR) error_text_read(message, (const struct nlmsgerr *)payload);
    return result;
}

static int answers_read(struct answers *answers, const char *bytes, size_t size) {
    while (size >= NLMSG_HDRLEN) {
        const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
        if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > size) return -EBADMSG;
        int r = answer_read(answers, message);
        if (r < 0) return r;
        size_t step = ALIGN(message->nlmsg_len) < size ? ALIGN(message->nlmsg_len) : size;
        bytes += step;
        size -= step;
    }
    return size ? -EBADMSG : 0;
}

// A message of any size is one piece for the kernel, so the socket's buffer has to hold it. Who may not have
// more than the system's limit gets that.
static void send_buffer_fit(int fd, size_t size) {
    int room = (int)size + SEND_OVERHEAD;
    if (size + SEND_OVERHEAD < SEND_BUFFER_MIN) return;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

int netlink_call(int fd, const struct netlink_batch *batch, netlink_each *each, void *data) {
    struct answers answers = {batch->pending, batch->optional, batch->last, batch->count, each, data};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    // Not zeroed: an acknowledgement touches one of its pages.
    char buffer[32768] __attribute__((aligned(8), uninitialized));
    error_text[0] = '\0';
    if (batch->overflow) return -EMSGSIZE;
    send_buffer_fit(fd, batch->used);
    ssize_t n =
        sendto(fd, netlink_batch_bytes(batch), batch->used, 0, (struct sockaddr *)&kernel, sizeof kernel);
    if (n < 0) return -errno;
    while (answers.pending || answers.last) {
        struct sockaddr_nl from = {0};
        struct iovec part = {buffer, sizeof buffer};
        struct msghdr head = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
        n = recvmsg(fd, &head, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (head.msg_flags & MSG_TRUNC) return -EMSGSIZE;
        if (from.nl_pid) continue; // not the kernel
        int r = answers_read(&answers, buffer, (size_t)n);
        if (r < 0) return r;
    }
    return 0;
}

int netlink_route_call(const struct netlink_batch *batch, netlink_each *each, void *data) {
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_ROUTE);
    return fd < 0 ? fd : netlink_call(fd, batch, each, data);
}

const struct nlattr *netlink_next(const void **bytes, size_t *size) {
    const struct nlattr *attribute = *bytes;
    if (*size < sizeof *attribute) return NULL;
    if (attribute->nla_len < sizeof *attribute || attribute->nla_len > *size) return NULL;
    size_t step = ALIGN(attribute->nla_len) < *size ? ALIGN(attribute->nla_len) : *size;
    *bytes = (const char *)*bytes + step;
    *size -= step;
    return attribute;
}

int netlink_parse(const void *bytes, size_t size, const struct nlattr *ret_table[], size_t count) {
    const struct nlattr *attribute;
    while ((attribute = netlink_next(&bytes, &size))) {
        uint16_t type = attribute->nla_type & NLA_TYPE_MASK;
        if (type < count) ret_table[type] = attribute;
    }
    return size ? -EBADMSG : 0;
}

int netlink_get(const struct nlattr *attribute, void *ret_value, size_t size) {
    if (!attribute) return -ENODATA;
    if (attribute->nla_len != sizeof *attribute + size) return -EBADMSG;
    memcpy(ret_value, attribute + 1, size);
    return 0;
}

void netlink_get_string(const struct nlattr *attribute, char *ret_text, size_t size) {
    ret_text[0] = '\0';
    if (!attribute) return;
    size_t length = strnlen((const char *)(attribute + 1), attribute->nla_len - sizeof *attribute);
    if (length >= size) length = size - 1;
    memcpy(ret_text, attribute + 1, length);
    ret_text[length] = '\0';
}
