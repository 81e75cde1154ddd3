// SPDX-License-Identifier: Apache-2.0
// A table is one block of entries, chain after chain: a base chain begins where its hook enters and ends with
// its policy ("underflow"); any other begins with an entry whose target is called ERROR and has the chain's
// name. IPv4's and IPv6's entries differ in what they match alone.
#include "kernel/xt_look.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// ipt_getinfo and ip6t_getinfo are the same; so are what comes before the entries, and the options' numbers.
static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one struct for both");
static_assert(offsetof(struct ipt_get_entries, entrytable) == offsetof(struct ip6t_get_entries, entrytable),
              "one struct for both");
static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES,
              "one number for both");

static const struct family {
    uint8_t family;
    int level;
    const char *names;
    size_t target_offset, next_offset, counters, size; // of an entry
} families[] = {
    {AF_INET, IPPROTO_IP, "/proc/net/ip_tables_names", offsetof(struct ipt_entry, target_offset),
     offsetof(struct ipt_entry, next_offset), offsetof(struct ipt_entry, counters), sizeof(struct ipt_entry)},
    {AF_INET6, IPPROTO_IPV6, "/proc/net/ip6_tables_names", offsetof(struct ip6t_entry, target_offset),
     offsetof(struct ip6t_entry, next_offset), offsetof(struct ip6t_entry, counters),
     sizeof(struct ip6t_entry)},
};

struct xt_walk {
    const struct family *family;
    struct ipt_getinfo info;
    struct xt_look_drop at; // the chain and the rule that the walk is at
    int (*each)(const struct xt_look_drop *drop, void *data);
    void *data;
};

static uint16_t half_at(const char *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void base_chain_begin(struct xt_walk *walk, uint32_t offset) {
    static const char *const names[NF_INET_NUMHOOKS] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                        "POSTROUTING"};
    for (uint32_t hook = 0; hook < NF_INET_NUMHOOKS; hook++) {
        if (!(walk->info.valid_hooks & 1u << hook) || walk->info.hook_entry[hook] != offset) continue;
        snprintf(walk->at.chain, sizeof walk->at.chain, "%s", names[hook]);
        walk->at.hook = hook;
        walk->at.rule = 0;
    }
}

static bool is_policy(const struct xt_walk *walk, uint32_t offset) {
    return walk->at.hook < NF_INET_NUMHOOKS && walk->info.underflow[walk->at.hook] == offset;
}

static bool target_drops(const struct xt_entry_target *target, size_t size) {
    int verdict = 0;
    if (str_eq(target->u.user.name, "REJECT")) return true;
    if (*target->u.user.name || size < sizeof(struct xt_standard_target)) return false;
    memcpy(&verdict, target->data, sizeof verdict);
    return verdict == -NF_DROP - 1;
}

static int entry_read(struct xt_walk *walk, const char *entry, uint32_t offset, size_t size) {
    struct xt_counters counters;
    uint16_t at = half_at(entry + walk->family->target_offset);
    if (at > size || size - at < sizeof(struct xt_entry_target)) return -EBADMSG;
    const struct xt_entry_target *target = (const struct xt_entry_target *)(entry + at);
    base_chain_begin(walk, offset);
    if (str_eq(target->u.user.name, XT_ERROR_TARGET)) {
        walk->at.hook = NF_INET_NUMHOOKS;
        walk->at.rule = 0;
        snprintf(walk->at.chain, sizeof walk->at.chain, "%.*s", (int)(size - at - sizeof *target),
                 (const char *)target->data);
        return 0;
    }
    walk->at.rule++;
    if (!target_drops(target, size - at)) return 0;
    struct xt_look_drop drop = walk->at;
    memcpy(&counters, entry + walk->family->counters, sizeof counters);
    drop.packets = counters.pcnt;
    if (is_policy(walk, offset)) drop.rule = 0;
    return walk->each(&drop, walk->data);
}

static int entries_read(struct xt_walk *walk, const char *entries, uint32_t size) {
    for (uint32_t offset = 0; size - offset >= walk->family->size;) {
        uint16_t step = half_at(entries + offset + walk->family->next_offset);
        if (step < walk->family->size || step > size - offset) return -EBADMSG;
        int r = entry_read(walk, entries + offset, offset, step);
        if (r < 0) return r;
        offset += step;
    }
    return 0;
}

static int table_read(struct xt_walk *walk, int fd, const char *table) {
    socklen_t size = sizeof walk->info;
    memset(&walk->at, 0, sizeof walk->at);
    memset(&walk->info, 0, sizeof walk->info);
    walk->at.family = walk->family->family;
    walk->at.hook = NF_INET_NUMHOOKS;
    snprintf(walk->at.table, sizeof walk->at.table, "%s", table);
    snprintf(walk->info.name, sizeof walk->info.name, "%s", table);
    if (getsockopt(fd, walk->family->level, IPT_SO_GET_INFO, &walk->info, &size)) return -errno;
    size = (socklen_t)(sizeof(struct ipt_get_entries) + walk->info.size);
    _cleanup_(freep) struct ipt_get_entries *entries = calloc(1, size);
    if (!entries) return -ENOMEM;
    snprintf(entries->name, sizeof entries->name, "%s", table);
    entries->size = walk->info.size;
    // -EAGAIN: somebody has replaced the table since it was asked how large it is.
    if (getsockopt(fd, walk->family->level, IPT_SO_GET_ENTRIES, entries, &size)) return -errno;
    return entries_read(walk, (const char *)entries->entrytable, walk->info.size);
}

static int tables_read(struct xt_walk *walk, char *names) {
    char *rest = NULL;
    _cleanup_(fd_closep) int fd = socket(walk->family->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0) return -errno;
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
        int r = table_read(walk, fd, name);
        if (r) return r;
    }
    return 0;
}

int xt_look(uint8_t family, int (*each)(const struct xt_look_drop *drop, void *data), void *data) {
    struct xt_walk walk = {.each = each, .data = data};
    char names[1024];
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        if (families[i].family == family) walk.family = &families[i];
    if (!walk.family) return -EAFNOSUPPORT;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, walk.family->names, O_RDONLY, 0);
    if (fd == -ENOENT) return 0; // the kernel has none of it
    ssize_t size = fd < 0 ? fd : read(fd, names, sizeof names - 1);
    if (size < 0) return fd < 0 ? fd : -errno;
    names[size] = '\0';
    return tables_read(&walk, names);
}
