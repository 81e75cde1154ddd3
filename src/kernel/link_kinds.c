// SPDX-License-Identifier: Apache-2.0
// Kinds of links beside bridges and pairs. A macvlan or ipvlan is made with one message that names its parent
// by index, in the namespace of the message, and the namespace that it is to be in: there is no moment when
// it can be seen on the host. Kernels before 6.14 look on the host whether its name is taken all the same,
// and the host may well have an eth0: so it gets its name inside.
#include "kernel/link.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/link_events.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct link_word {
    const char *kind, *word;
    uint32_t number;
};

// The first of a kind is its default.
static const struct link_word modes[] = {
    {"macvlan", "bridge", MACVLAN_MODE_BRIDGE}, {"macvlan", "private", MACVLAN_MODE_PRIVATE},
    {"macvlan", "vepa", MACVLAN_MODE_VEPA},     {"macvlan", "passthru", MACVLAN_MODE_PASSTHRU},
    {"ipvlan", "l2", IPVLAN_MODE_L2},           {"ipvlan", "l3", IPVLAN_MODE_L3},
    {"ipvlan", "l3s", IPVLAN_MODE_L3S},
};
static const struct link_word flags[] = {
    {"ipvlan", "bridge", 0},
    {"ipvlan", "private", IPVLAN_F_PRIVATE},
    {"ipvlan", "vepa", IPVLAN_F_VEPA},
};

static const struct link_word *word_find(const struct link_word *words, size_t count, const char *kind,
                                         const char *word) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(words[i].kind, kind) && (!word || str_eq(words[i].word, word))) return &words[i];
    return NULL;
}

bool link_child_has_mode(const char *kind, const char *mode) {
    return word_find(modes, ARRAY_SIZE(modes), kind, mode);
}

bool link_child_has_flag(const char *kind, const char *flag) {
    return word_find(flags, ARRAY_SIZE(flags), kind, flag);
}

static bool name_valid(const char *name) {
    size_t length = name ? strlen(name) : 0;
    return length && length < LINK_NAME_SIZE && !strchr(name, '/');
}

static void create_begin(struct netlink_batch *batch, const char *name) {
    netlink_begin(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &(struct ifinfomsg){0},
                  sizeof(struct ifinfomsg));
    netlink_put_string(batch, IFLA_IFNAME, name);
}

static void put_u16(struct netlink_batch *batch, uint16_t type, uint16_t value) {
    netlink_put(batch, type, &value, sizeof value);
}

// The kind, and what is its own.
static void put_kind(struct netlink_batch *batch, const char *kind, uint32_t mode, uint32_t flag) {
    size_t info = netlink_nest(batch, IFLA_LINKINFO);
    netlink_put_string(batch, IFLA_INFO_KIND, kind);
    size_t data = netlink_nest(batch, IFLA_INFO_DATA);
    if (str_eq(kind, "macvlan")) netlink_put_u32(batch, IFLA_MACVLAN_MODE, mode);
    if (str_eq(kind, "ipvlan")) {
        put_u16(batch, IFLA_IPVLAN_MODE, (uint16_t)mode);
        put_u16(batch, IFLA_IPVLAN_FLAGS, (uint16_t)flag);
    }
    netlink_end(batch, data);
    netlink_end(batch, info);
}

static int create_as(const struct link_child *child, const char *name) {
    struct netlink_batch batch = {0};
    const struct link_word *mode = word_find(modes, ARRAY_SIZE(modes), child->kind, child->mode);
    const struct link_word *flag = word_find(flags, ARRAY_SIZE(flags), child->kind, child->flag);
    bool is_ipvlan = str_eq(child->kind, "ipvlan");
    if (!name_valid(child->name) || !mode || (child->flag && !flag) || (is_ipvlan && child->mac))
        return -EINVAL;
    int parent = link_index(child->parent);
    if (parent < 0) return parent;
    create_begin(&batch, name);
    netlink_put_u32(&batch, IFLA_LINK, (uint32_t)parent);
    if (child->netns_pid)
        netlink_put_u32(&batch, IFLA_NET_NS_PID, (uint32_t)child->netns_pid);
    else
        netlink_put_u32(&batch, IFLA_NET_NS_FD, (uint32_t)child->netns_fd);
    if (child->mac) netlink_put(&batch, IFLA_ADDRESS, child->mac, 6);
    if (child->mtu) netlink_put_u32(&batch, IFLA_MTU, child->mtu);
    put_kind(&batch, child->kind, mode->number, flag ? flag->number : 0);
    return netlink_route_call(&batch, NULL, NULL);
}

static int name_inside(const struct link_child *child, const char *name) {
    _cleanup_(fd_closep) int opened = -1;
    _cleanup_(netns_leavep) int own = -1;
    char path[32];
    if (child->netns_pid) {
        snprintf(path, sizeof path, "/proc/%d/ns/net", child->netns_pid);
        opened = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
        if (opened < 0) return opened;
    }
    int r = netns_enter(child->netns_pid ? opened : child->netns_fd, &own);
    if (r) return r;
    r = link_rename(name, child->name);
    if (r) (void)link_delete(name);
    return r;
}

int link_child_create(const struct link_child *child) {
    char name[LINK_NAME_SIZE];
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return -EAGAIN;
    snprintf(name, sizeof name, "hoy%012llx", (unsigned long long)(number >> 16));
    int r = create_as(child, name);
    return r ? r : name_inside(child, name);
}

static bool is_taken(const struct link_child *child, int r) {
    return r == -EBUSY || (r == -EINVAL && str_eq(child->mode, "passthru"));
}

int link_child_make(const struct link_child *child) {
    _cleanup_(link_events_finish) struct link_events events = LINK_EVENTS_NONE;
    (void)link_events_open(&events);
    int r = link_child_create(child);
    while (is_taken(child, r) && link_events_wait(&events)) r = link_child_create(child);
    return r;
}

int vlan_create(const char *name, const char *parent, uint16_t id, const char *alias) {
    struct netlink_batch batch = {0};
    if (!name_valid(name) || !id || id > 4094) return -EINVAL;
    int index = link_index(parent);
    if (index < 0) return index;
    create_begin(&batch, name);
    netlink_put_u32(&batch, IFLA_LINK, (uint32_t)index);
    size_t info = netlink_nest(&batch, IFLA_LINKINFO);
    netlink_put_string(&batch, IFLA_INFO_KIND, "vlan");
    size_t data = netlink_nest(&batch, IFLA_INFO_DATA);
    put_u16(&batch, IFLA_VLAN_ID, id);
    netlink_end(&batch, data);
    netlink_end(&batch, info);
    int r = netlink_route_call(&batch, NULL, NULL);
    return r || !alias ? r : link_set_alias(name, alias);
}

int dummy_create(const char *name, const char *alias) {
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -EINVAL;
    create_begin(&batch, name);
    put_kind(&batch, "dummy", 0, 0);
    int r = netlink_route_call(&batch, NULL, NULL);
    return r || !alias ? r : link_set_alias(name, alias);
}
