// SPDX-License-Identifier: Apache-2.0
// Without route_localnet the kernel drops whatever has an address of 127.0.0.0/8 and another link than lo.
// With it, everybody on the link could reach what listens on the host's loopback. Rules of nftables drop
// that, but somebody may flush all of nftables. So it is also dropped where nobody flushes anything: by a
// filter at the link's ingress. Answers to the host's own connections have the link's address there, and get
// 127.0.0.1 by connection tracking later; but on a bridge with br_netfilter before, and so the rules mark
// them. Without the rules no mark, and nothing passes.
#include "kernel/localnet.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/link.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#define INGRESS     TC_H_MAKE(TC_H_INGRESS, 0)
#define DESTINATION ((unsigned)SKF_NET_OFF + 16) // in the header of IPv4
#define MARK        ((unsigned)SKF_AD_OFF + SKF_AD_MARK)
#define HANDLE      1

// What is for 127.0.0.0/8 and has no mark is dropped, the rest is for the next filter.
static const struct sock_filter barrier[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, DESTINATION), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 127, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, MARK),        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOCALNET_MARK, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, TC_ACT_SHOT),          BPF_STMT(BPF_RET | BPF_K, (unsigned)TC_ACT_UNSPEC),
};

static void barrier_put(struct netlink_batch *batch, int index) {
    struct tcmsg ingress = {.tcm_ifindex = index, .tcm_parent = TC_H_INGRESS, .tcm_handle = INGRESS};
    netlink_begin(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &ingress, sizeof ingress);
    netlink_put_string(batch, TCA_KIND, "ingress");
    netlink_optional(batch); // it may be there
    struct tcmsg filter = {.tcm_ifindex = index,
                           .tcm_parent = INGRESS,
                           .tcm_handle = HANDLE,
                           .tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_IP))};
    netlink_begin(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_ACK, &filter, sizeof filter);
    netlink_put_string(batch, TCA_KIND, "bpf");
    size_t options = netlink_nest(batch, TCA_OPTIONS);
    netlink_put(batch, TCA_BPF_OPS_LEN, &(uint16_t){ARRAY_SIZE(barrier)}, sizeof(uint16_t));
    netlink_put(batch, TCA_BPF_OPS, barrier, sizeof barrier);
    netlink_put_u32(batch, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    netlink_end(batch, options);
}

static int barrier_make(const char *link) {
    struct netlink_batch batch = {0};
    int index = link_index(link);
    if (index < 0) return index;
    barrier_put(&batch, index);
    int r = netlink_route_call(&batch, NULL, NULL);
    return r == -ENOENT || r == -EOPNOTSUPP ? 0 : r; // what kernels without the classifier say
}

static void setting_path(const char *link, char ret_path[static 80]) {
    snprintf(ret_path, 80, "/proc/sys/net/ipv4/conf/%s/route_localnet", link);
}

bool localnet_is_open(const char *link) {
    char path[80];
    _cleanup_(str_finish) struct str text = {0};
    setting_path(link, path);
    return !file_read_at(AT_FDCWD, path, 16, &text) && str_has_prefix(str_get(&text), "1");
}

int localnet_open(const char *link) {
    char path[80];
    int r = barrier_make(link);
    setting_path(link, path);
    return r ? r : file_write_at(AT_FDCWD, path, "1");
}
