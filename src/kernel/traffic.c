// SPDX-License-Identifier: Apache-2.0
// Both ways end in a token bucket (tbf) at the root of some interface. A bucket holds what may go in a burst:
// 20 ms worth of the rate, and at least a few packets, or nothing would ever pass; the queue before it holds
// a tenth of a second.
//
// For what is received there is the classifier at an interface's ingress, with one filter that takes
// everything (u32 with a mask of nothing, which every kernel with a classifier has) and one action, to
// redirect to the ifb. Policing, which drops instead, would need no ifb; but TCP behind a policer gets a
// fraction of the rate, and not every kernel has it.
#include "kernel/traffic.h"

#include "base/macro.h"
#include "kernel/link.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BURSTS_A_SECOND 50
#define QUEUES_A_SECOND 10
#define BURST_LEAST     8192 // bytes; and two of the interface's largest packets
#define INGRESS         TC_H_MAKE(TC_H_INGRESS, 0)

static void begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const struct tcmsg *message) {
    netlink_begin(batch, type, flags | NLM_F_ACK, message, sizeof *message);
}

static int bucket_remove(int index) {
    struct netlink_batch batch = {0};
    begin(&batch, RTM_DELQDISC, 0, &(struct tcmsg){.tcm_ifindex = index, .tcm_parent = TC_H_ROOT});
    int r = netlink_route_call(&batch, NULL, NULL);
    // There is none but the one that an interface has by itself.
    return r == -ENOENT || r == -EINVAL ? 0 : r;
}

static uint32_t capped(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int bucket_set(int index, uint32_t mtu, uint64_t bits_per_second) {
    struct netlink_batch batch = {0};
    uint64_t bytes = bits_per_second / 8, burst = bytes / BURSTS_A_SECOND;
    if (burst < BURST_LEAST) burst = BURST_LEAST;
    if (burst < 2ull * mtu) burst = 2ull * mtu;
    if (burst > INT32_MAX) burst = INT32_MAX;
    struct tc_tbf_qopt options = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = capped(bytes)},
        .limit = capped(bytes / QUEUES_A_SECOND + burst),
    };
    begin(
        &batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
        &(struct tcmsg){.tcm_ifindex = index, .tcm_parent = TC_H_ROOT, .tcm_handle = TC_H_MAKE(1u << 16, 0)});
    netlink_put_string(&batch, TCA_KIND, "tbf");
    size_t nest = netlink_nest(&batch, TCA_OPTIONS);
    netlink_put(&batch, TCA_TBF_PARMS, &options, sizeof options);
    netlink_put_u32(&batch, TCA_TBF_BURST, (uint32_t)burst);
    if (bytes > UINT32_MAX) netlink_put(&batch, TCA_TBF_RATE64, &bytes, sizeof bytes);
    netlink_end(&batch, nest);
    return netlink_route_call(&batch, NULL, NULL);
}

int traffic_limit_sent(const char *name, uint64_t bits_per_second) {
    struct link link;
    int r = link_get(name, &link);
    if (r) return r;
    return bits_per_second ? bucket_set(link.index, link.mtu, bits_per_second) : bucket_remove(link.index);
}

void traffic_helper_name(const char *link, char ret_name[static 16]) {
    snprintf(ret_name, 16, "ifb%s", strlen(link) > 3 ? link + 3 : link);
}

static int helper_create(const char *name) {
    struct netlink_batch batch = {0};
    netlink_begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &(struct ifinfomsg){0},
                  sizeof(struct ifinfomsg));
    netlink_put_string(&batch, IFLA_IFNAME, name);
    netlink_put_u32(&batch, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(&batch, IFLA_NUM_RX_QUEUES, 1);
    size_t info = netlink_nest(&batch, IFLA_LINKINFO);
    netlink_put_string(&batch, IFLA_INFO_KIND, "ifb");
    netlink_end(&batch, info);
    return netlink_route_call(&batch, NULL, NULL);
}

// One that a crash left behind is as good as a new one, if it is one of those.
static int helper_ensure(const char *name, struct link *ret_helper) {
    int r = helper_create(name);
    if (r && r != -EEXIST) return r;
    r = link_get(name, ret_helper);
    return !r && strcmp(ret_helper->kind, "ifb") ? -EEXIST : r;
}

// All that the interface receives, to the helper. Nothing passes unlimited while it is new: the interface has
// just been made then, or had no limit before.
static int redirect(int index, int helper) {
    struct netlink_batch batch = {0};
    // A selector with one key, which is all zeros: it fits everything.
    const struct tc_u32_sel selector = {.flags = TC_U32_TERMINAL, .nkeys = 1};
    char all[sizeof selector + sizeof(struct tc_u32_key)] = {0};
    memcpy(all, &selector, sizeof selector);
    struct tc_mirred mirred = {
        .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)helper};
    struct tcmsg ingress = {.tcm_ifindex = index, .tcm_parent = TC_H_INGRESS, .tcm_handle = INGRESS};
    begin(&batch, RTM_DELQDISC, 0, &ingress);
    netlink_optional(&batch);
    begin(&batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &ingress);
    netlink_put_string(&batch, TCA_KIND, "ingress");
    begin(&batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
          &(struct tcmsg){.tcm_ifindex = index,
                          .tcm_parent = INGRESS,
                          .tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL))});
    netlink_put_string(&batch, TCA_KIND, "u32");
    size_t options = netlink_nest(&batch, TCA_OPTIONS);
    netlink_put(&batch, TCA_U32_SEL, all, sizeof all);
    size_t actions = netlink_nest(&batch, TCA_U32_ACT), first = netlink_nest(&batch, 1);
    netlink_put_string(&batch, TCA_ACT_KIND, "mirred");
    size_t action = netlink_nest(&batch, TCA_ACT_OPTIONS);
    netlink_put(&batch, TCA_MIRRED_PARMS, &mirred, sizeof mirred);
    netlink_end(&batch, action);
    netlink_end(&batch, first);
    netlink_end(&batch, actions);
    netlink_end(&batch, options);
    return netlink_route_call(&batch, NULL, NULL);
}

static int redirect_remove(const char *name) {
    struct netlink_batch batch = {0};
    int index = link_index(name);
    if (index < 0) return index;
    begin(&batch, RTM_DELQDISC, 0,
          &(struct tcmsg){.tcm_ifindex = index, .tcm_parent = TC_H_INGRESS, .tcm_handle = INGRESS});
    int r = netlink_route_call(&batch, NULL, NULL);
    return r == -ENOENT || r == -EINVAL ? 0 : r;
}

int traffic_limit_received(const char *name, uint64_t bits_per_second) {
    struct link link, helper;
    char helper_name[LINK_NAME_SIZE];
    traffic_helper_name(name, helper_name);
    if (!bits_per_second) {
        int r = redirect_remove(name);
        return r ? r : traffic_release(name);
    }
    int r = link_get(name, &link);
    if (!r) r = helper_ensure(helper_name, &helper);
    if (!r) r = bucket_set(helper.index, link.mtu, bits_per_second);
    if (!r) r = link_up(helper_name);
    if (!r) r = redirect(link.index, helper.index);
    return r;
}

int traffic_release(const char *name) {
    struct link helper;
    char helper_name[LINK_NAME_SIZE];
    traffic_helper_name(name, helper_name);
    if (link_index(helper_name) < 0) return 0;
    int r = link_get(helper_name, &helper);
    if (!r && !strcmp(helper.kind, "ifb")) r = link_delete(helper_name);
    return r == -ENODEV ? 0 : r;
}
