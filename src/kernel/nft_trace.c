// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_trace.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/nft_rules.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener_open(void) {
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_NETFILTER);
    if (fd < 0) return fd;
    if (bind(fd, (struct sockaddr *)&own, sizeof own) ||
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){NFNLGRP_NFTRACE}, sizeof(int)) ||
        fcntl(fd, F_SETFL, O_NONBLOCK))
        return -errno;
    return take_fd(&fd);
}

static int table_make(int fd, const struct nft_flow *flow) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    char name[32];
    snprintf(name, sizeof name, "why-%d", getpid());
    nft_batch_begin(&batch, name);
    nft_message(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    netlink_put_be32(&batch.messages, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    nft_trace_put(&batch, flow);
    return nft_batch_send_by(fd, &batch);
}

int nft_trace_begin(uint8_t family, const void *address, uint8_t protocol, uint16_t port,
                    struct nft_trace *ret_trace) {
    struct nft_flow flow = {
        .to = {.family = family, .prefix = family == AF_INET ? 32 : 128}, .protocol = protocol, .port = port};
    _cleanup_(nft_trace_end) struct nft_trace trace = NFT_TRACE_NONE;
    memcpy(flow.to.bytes, address, flow.to.prefix / 8);
    trace.owner = netlink_open(NETLINK_NETFILTER);
    if (trace.owner < 0) return trace.owner;
    trace.listener = listener_open();
    if (trace.listener < 0) return trace.listener;
    int r = table_make(trace.owner, &flow);
    if (r) return r;
    *ret_trace = (struct nft_trace){take_fd(&trace.owner), take_fd(&trace.listener)};
    return 0;
}

void nft_trace_end(struct nft_trace *trace) {
    fd_closep(&trace->owner);
    fd_closep(&trace->listener);
}

// Reading

static bool is_drop(const struct nlattr *verdict) {
    const struct nlattr *table[NFTA_VERDICT_MAX + 1] = {0};
    uint32_t code = 0;
    return verdict &&
           !netlink_parse(verdict + 1, verdict->nla_len - sizeof *verdict, table, ARRAY_SIZE(table)) &&
           !netlink_get(table[NFTA_VERDICT_CODE], &code, sizeof code) && ntohl(code) == NF_DROP;
}

// Of hoy's own, what the gate or the kernel sends once more is dropped for that.
static bool is_sent_again(const struct nft_trace_drop *drop) {
    return str_has_prefix(drop->table, "hoy") &&
           (str_eq(drop->chain, "gate") || str_eq(drop->chain, "again") || str_eq(drop->chain, "detour") ||
            str_eq(drop->chain, "onward") || str_has_prefix(drop->chain, "around-"));
}

static bool message_read(const struct nlmsghdr *message, struct nft_trace_drop *ret_drop) {
    const struct nlattr *table[NFTA_TRACE_MAX + 1] = {0};
    const struct nfgenmsg *head = (const struct nfgenmsg *)(message + 1);
    struct nft_trace_drop drop = {0};
    uint64_t rule = 0;
    if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) ||
        message->nlmsg_len < NLMSG_HDRLEN + sizeof *head ||
        netlink_parse(head + 1, message->nlmsg_len - NLMSG_HDRLEN - sizeof *head, table, ARRAY_SIZE(table)))
        return false;
    const struct nlattr *verdict = table[NFTA_TRACE_VERDICT];
    uint32_t policy = 0;
    bool drops = is_drop(verdict) ||
                 (!netlink_get(table[NFTA_TRACE_POLICY], &policy, sizeof policy) && ntohl(policy) == NF_DROP);
    if (!drops) return false;
    drop.family = head->nfgen_family;
    netlink_get_string(table[NFTA_TRACE_TABLE], drop.table, sizeof drop.table);
    netlink_get_string(table[NFTA_TRACE_CHAIN], drop.chain, sizeof drop.chain);
    if (!netlink_get(table[NFTA_TRACE_RULE_HANDLE], &rule, sizeof rule)) drop.rule = be64toh(rule);
    if (is_sent_again(&drop)) return false;
    *ret_drop = drop;
    return true;
}

int nft_trace_read(struct nft_trace *trace, struct nft_trace_drop *ret_drop) {
    char buffer[32768] __attribute__((aligned(8)));
    int found = 0;
    while (true) {
        ssize_t n = recv(trace->listener, buffer, sizeof buffer, 0);
        if (n < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
        if (n < 0) return errno == EAGAIN ? found : -errno;
        size_t left = (size_t)n;
        for (const char *at = buffer; left >= NLMSG_HDRLEN;) {
            const struct nlmsghdr *message = (const struct nlmsghdr *)at;
            if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > left) break;
            if (message_read(message, ret_drop)) found = 1;
            size_t step = NLMSG_ALIGN(message->nlmsg_len) < left ? NLMSG_ALIGN(message->nlmsg_len) : left;
            at += step;
            left -= step;
        }
    }
}
