// SPDX-License-Identifier: Apache-2.0
#include "kernel/nflog.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

#define QUEUE_BYTES (4 << 20)

int nflog_open(uint16_t group) {
    struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(group)};
    struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode whole = {.copy_range = htonl(0xffff), .copy_mode = NFULNL_COPY_PACKET};
    struct netlink_batch batch = {0};
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_NETFILTER);
    if (fd < 0) return fd;
    // A burst should find room, and a lost packet is no error: who sent it sends it again.
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){QUEUE_BYTES}, sizeof(int));
    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &(int){1}, sizeof(int));
    netlink_begin(&batch, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK, &head, sizeof head);
    netlink_put(&batch, NFULA_CFG_CMD, &bind, sizeof bind);
    netlink_put(&batch, NFULA_CFG_MODE, &whole, sizeof whole);
    netlink_put_be32(&batch, NFULA_CFG_QTHRESH, 1);
    int r = netlink_call(fd, &batch, NULL, NULL);
    return r ? r : take_fd(&fd);
}

static int message_read(struct nlmsghdr *message, nflog_each *each, void *data) {
    const struct nlattr *table[NFULA_PAYLOAD + 1] = {0};
    size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
    if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) return 0;
    if (message->nlmsg_len < head) return -EBADMSG;
    int r = netlink_parse((char *)message + head, message->nlmsg_len - head, table, ARRAY_SIZE(table));
    if (r || !table[NFULA_PAYLOAD]) return r;
    uint32_t link = 0;
    (void)netlink_get(table[NFULA_IFINDEX_INDEV], &link, sizeof link);
    each((uint8_t *)(uintptr_t)(table[NFULA_PAYLOAD] + 1),
         table[NFULA_PAYLOAD]->nla_len - sizeof(struct nlattr), ntohl(link), data);
    return 0;
}

int nflog_read(int fd, char *buffer, nflog_each *each, void *data) {
    struct sockaddr_nl from = {0};
    struct iovec part = {buffer, NFLOG_BUFFER_SIZE};
    struct msghdr head = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &head, 0);
    if (n < 0) return errno == ENOBUFS ? 0 : -errno;
    if (from.nl_pid || head.msg_flags & MSG_TRUNC) return 0; // not the kernel; more than a packet can be
    size_t left = (size_t)n;
    for (char *at = buffer; left >= NLMSG_HDRLEN;) {
        struct nlmsghdr *message = (struct nlmsghdr *)at;
        if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > left) return -EBADMSG;
        int r = message_read(message, each, data);
        if (r) return r;
        size_t step = NLMSG_ALIGN(message->nlmsg_len) < left ? NLMSG_ALIGN(message->nlmsg_len) : left;
        at += step;
        left -= step;
    }
    return 0;
}
