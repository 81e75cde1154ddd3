// SPDX-License-Identifier: Apache-2.0
#include "kernel/link_settings.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define IPV6_SETTINGS "sys/net/ipv6/conf"
#define SETTING_SIZE  (sizeof "/proc/" IPV6_SETTINGS + LINK_NAME_SIZE + 32)

int link_set_mtu(const char *name, uint32_t mtu) {
    struct netlink_batch batch = {0};
    int index = link_index(name);
    if (index < 0) return index;
    struct ifinfomsg info = {.ifi_index = index};
    netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    netlink_put_u32(&batch, IFLA_MTU, mtu);
    return netlink_route_call(&batch, NULL, NULL);
}

int link_set_master(const char *name, const char *bridge) {
    struct netlink_batch batch = {0};
    int index = link_index(name), master = link_index(bridge);
    if (index < 0 || master < 0) return index < 0 ? index : master;
    struct ifinfomsg info = {.ifi_index = index};
    netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    netlink_put_u32(&batch, IFLA_MASTER, (uint32_t)master);
    return netlink_route_call(&batch, NULL, NULL);
}

int link_set_hairpin(const char *name) {
    struct netlink_batch batch = {0};
    int index = link_index(name);
    if (index < 0) return index;
    struct ifinfomsg info = {.ifi_family = AF_BRIDGE, .ifi_index = index};
    netlink_begin(&batch, RTM_SETLINK, NLM_F_ACK, &info, sizeof info);
    size_t nest = netlink_nest(&batch, IFLA_PROTINFO);
    netlink_put_u8(&batch, IFLA_BRPORT_MODE, 1);
    netlink_end(&batch, nest);
    return netlink_route_call(&batch, NULL, NULL);
}

static bool name_valid(const char *name) {
    return *name && strlen(name) < LINK_NAME_SIZE && !strchr(name, '/');
}

static void setting_path(int proc, const char *name, const char *key, char ret_path[static SETTING_SIZE]) {
    snprintf(ret_path, SETTING_SIZE, "%s" IPV6_SETTINGS "/%s/%s", proc == AT_FDCWD ? "/proc/" : "", name,
             key);
}

static int write_setting(int proc, const char *name, const char *key, const char *value) {
    char path[SETTING_SIZE];
    if (!name_valid(name)) return -ENODEV;
    setting_path(proc, name, key, path);
    int r = file_write_at(proc, path, value);
    return r == -ENOENT ? 0 : r;
}

static bool has_setting(int proc, const char *name, const char *key, const char *value) {
    char path[SETTING_SIZE];
    _cleanup_(str_finish) struct str text = {0};
    if (!name_valid(name)) return false;
    setting_path(proc, name, key, path);
    return !file_read_at(proc, path, 16, &text) && *str_get(&text) == *value;
}

int link_set_ipv6(int proc, const char *name, bool on) {
    int r = write_setting(proc, name, "accept_ra", "0");
    if (!r) r = write_setting(proc, name, "accept_dad", "0");
    const char *value = on ? "0" : "1";
    // Whoever writes it while somebody has the kernel's lock of interfaces does not sleep, but tries again
    // and again.
    if (!r && !has_setting(proc, name, "disable_ipv6", value))
        r = write_setting(proc, name, "disable_ipv6", value);
    return r;
}

static bool listens(int conf, const char *name) {
    char path[256 + 16];
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "%s/accept_ra", name);
    return !file_read_at(conf, path, 16, &text) && str_eq(str_get(&text), "1\n");
}

int link_keep_advertisements(void) {
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(AT_FDCWD, "/proc/" IPV6_SETTINGS, &stream);
    if (r) return r == -ENOENT ? 0 : r;
    for (struct dirent *entry; !r && (entry = readdir(stream));) {
        const char *name = entry->d_name;
        // These two are no interfaces.
        if (*name == '.' || str_eq(name, "all") || str_eq(name, "default") || !listens(dirfd(stream), name))
            continue;
        r = write_setting(AT_FDCWD, name, "accept_ra", "2");
    }
    return r;
}

static int address_found(uint16_t type, const void *payload, size_t size, void *data) {
    const struct ifaddrmsg *info = payload;
    if (type == RTM_NEWADDR && size >= sizeof *info && info->ifa_family == AF_INET6) *(bool *)data = true;
    return 0;
}

bool link_has_ipv6(const char *link, const uint8_t bytes[16]) {
    struct netlink_batch batch = {0};
    bool found = false;
    int index = link_index(link);
    if (index < 0) return false;
    struct ifaddrmsg info = {.ifa_family = AF_INET6, .ifa_index = (uint32_t)index};
    netlink_begin(&batch, RTM_GETADDR, NLM_F_ACK, &info, sizeof info);
    netlink_put(&batch, IFA_ADDRESS, bytes, 16);
    return !netlink_route_call(&batch, address_found, &found) && found;
}

struct walk {
    int (*each)(const char *name, const struct link *link, void *data);
    void *data;
};

static int link_found(uint16_t type, const void *payload, size_t size, void *data) {
    const struct walk *walk = data;
    const struct ifinfomsg *info = payload;
    const struct nlattr *table[IFLA_MAX + 1] = {0};
    char name[LINK_NAME_SIZE];
    if (type != RTM_NEWLINK) return 0;
    if (size < sizeof *info) return -EBADMSG;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (r) return r;
    struct link link = {.index = info->ifi_index, .up = info->ifi_flags & IFF_UP};
    netlink_get_string(table[IFLA_IFNAME], name, sizeof name);
    netlink_get_string(table[IFLA_IFALIAS], link.alias, sizeof link.alias);
    netlink_get(table[IFLA_MASTER], &link.master, sizeof link.master);
    netlink_get(table[IFLA_MTU], &link.mtu, sizeof link.mtu);
    netlink_get(table[IFLA_ADDRESS], link.mac, sizeof link.mac);
    return walk->each(name, &link, walk->data);
}

int link_each(int (*each)(const char *name, const struct link *link, void *data), void *data) {
    struct netlink_batch batch = {0};
    netlink_begin(&batch, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
    return netlink_route_call(&batch, link_found, &(struct walk){each, data});
}
