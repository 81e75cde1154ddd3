// SPDX-License-Identifier: Apache-2.0
// The parents of macvlan and ipvlan networks: an interface of the host's, or one that hoy makes: a VLAN of
// such an interface, where its name says so ("eth0.10"), or a dummy that leads nowhere. What hoy made has the
// network's alias, and goes with the network.
#include "network/kernel.h"
#include "network/options.h"
#include "oci/key_values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool parent_is_ready(const struct network *network) {
    struct link link;
    return !link_get(network->link, &link) && (!network->made_link || link.up);
}

// "eth0.10": 1, the interface and the number; 0 when it is no such name.
static int vlan_parse(const char *name, char ret_parent[static LINK_NAME_SIZE], uint16_t *ret_id) {
    const char *dot = strrchr(name, '.');
    uint32_t id;
    if (!dot || dot == name || (size_t)(dot - name) >= LINK_NAME_SIZE || parse_u32(dot + 1, &id)) return 0;
    if (id < 1 || id > 4094) return -ERANGE;
    memcpy(ret_parent, name, (size_t)(dot - name));
    ret_parent[dot - name] = '\0';
    *ret_id = (uint16_t)id;
    return 1;
}

int parent_check(const struct network *network, struct err *err) {
    char parent[LINK_NAME_SIZE];
    uint16_t id;
    const char *name = network->link;
    if (strlen(name) >= LINK_NAME_SIZE)
        return err_set(err, ERR_INVALID, 0, "parent %s: names of interfaces have at most %d characters", name,
                       LINK_NAME_SIZE - 1);
    if (str_eq(name, "lo"))
        return err_set(err, ERR_INVALID, 0, "loopback interface is not a valid %s parent link",
                       network_driver_name(network->driver));
    if (!network->made_link) return 0;
    int r = vlan_parse(name, parent, &id);
    if (r < 0) return err_set(err, ERR_INVALID, 0, "parent %s: a VLAN's number is from 1 to 4094", name);
    if (r && link_index(parent) > 0) return 0;
    return err_set(err, ERR_NOT_FOUND, 0,
                   "-o parent=%s: there is no such interface on the host%s%s; `ip link` shows what there is",
                   name, r ? ", nor is there " : "", r ? parent : "");
}

// Of a network that was made with a VLAN's name, or without a parent.
static int make(const struct network *network, const char *alias) {
    char parent[LINK_NAME_SIZE];
    uint16_t id;
    if (!key_values_find(&network->options, "parent")) return dummy_create(network->link, alias);
    return vlan_parse(network->link, parent, &id) > 0 ? vlan_create(network->link, parent, id, alias)
                                                      : -ENODEV;
}

static int no_kind(const struct network *network, struct err *err) {
    bool vlan = key_values_find(&network->options, "parent");
    return err_set(
        err, ERR_UNAVAILABLE, 0,
        "network %s: this kernel has no interfaces of the kind %s, which its parent %s is to be: modprobe "
        "%s, or give another one with -o parent=INTERFACE",
        network->name, vlan ? "vlan" : "dummy", network->link, vlan ? "8021q" : "dummy");
}

int parent_make(const struct network *network, const char *database, struct err *err) {
    char alias[LINK_ALIAS_SIZE];
    if (!network->made_link) {
        if (link_index(network->link) > 0) return 0;
        return err_set(
            err, ERR_NOT_FOUND, 0,
            "network %s: its parent interface %s is not there: bring it back, or make the network anew "
            "with another one",
            network->name, network->link);
    }
    snprintf(alias, sizeof alias, "hoy %s %s", network->id, database);
    struct link link;
    int r = make(network, alias);
    if (r == -EOPNOTSUPP) return no_kind(network, err);
    // Somebody was killed before it had its alias.
    if (r == -EEXIST && !link_get(network->link, &link) && !*link.alias)
        r = link_set_alias(network->link, alias);
    if (r && r != -EEXIST) return kernel_fail(network, r, "make the parent interface", network->link, err);
    r = link_up(network->link);
    return r ? kernel_fail(network, r, "bring up", network->link, err) : 0;
}

void parent_remove(const struct network *network) {
    struct link link;
    if (network->made_link && !link_get(network->link, &link) && link_is_of(&link, network->id))
        (void)link_delete(network->link);
}
