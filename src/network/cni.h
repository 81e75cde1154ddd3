// SPDX-License-Identifier: Apache-2.0
// Networks of the Container Network Interface (its specification 1.1, and 1.0, 0.4 and 0.3 as long as there
// is nothing else): a list of plugins in a file, programs of somebody else's that put an interface into a
// network namespace, one after the other, and take it away again.
//
// A container's part is in its run directory, so that whoever settles its end can take it away, whatever has
// become of the configuration since:
//   cni.json         the list, and what the plugins are told of the container; there as long as they may have
//                    something to take away
//   cni-result.json  what the last one said: addresses, gateways, name servers
//   cni-places.json  what the environment said of where they are, for the next start
//   netns            the container's network namespace: it stays as long as it is mounted here
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "network/port.h"

#include <stdint.h>
#include <sys/types.h>

struct cni_request {
    const char *network;        // its name
    const char *container_id,   // as the plugins know it
        *hostname;              // for /etc/hosts
    const char *mac;            // "92:d0:c6:0a:29:33", or NULL
    uint64_t in, out;           // bits a second, or 0: for a plugin with the capability bandwidth
    struct port_bindings ports; // each with its host port: for a plugin with the capability portMappings
    bool own_dns;               // resolv.conf is the user's own: what the plugins say is not put in
};

// The place that a network's name is looked for: files *.conflist, *.conf and *.json of NETCONFPATH's
// directory, or /etc/cni/net.d; plugins in the directories of CNI_PATH, or /opt/cni/bin and /usr/lib/cni. A
// plugin may take a minute, or HOY_CNI_TIMEOUT seconds. In /etc/hoy/config.json these are cni-networks,
// cni-plugins and cni-timeout.
//
// Finds the network and its plugins and writes cni.json into dir. ERR_NOT_FOUND when there is no such
// network, with those that there are.
int cni_prepare(int dir, const struct cni_request *request, struct err *err);

// Has the plugins put the interface eth0 into the network namespace of a process, and writes the result and
// what follows from it in dir/hosts and dir/resolv.conf. dir: the run directory's path. After a failure there
// may be something for cni_delete().
int cni_add(const char *dir, pid_t pid, struct err *err);
// Has them take it away, and forgets about it. Nothing to do is fine. What fails is tried again by the next
// call.
int cni_delete(const char *dir, struct err *err);

// Has the plugins look whether all is as they have made it: 1 when it is, 0 when they can't be asked (there
// is no result yet, or the list says so, or is older than 0.4), -1 with the words of the one that says no.
int cni_check(const char *dir, struct err *err);

// What a container has, from its run directory: 1, or 0 when it is on no CNI network.
struct cni_result {
    const char *network;
    const char *mac;                 // of eth0, or ""
    const char *address, *gateway;   // the first IPv4 address, without its prefix; ""
    const char *address6, *gateway6; // IPv6
    int64_t prefix, prefix6;         // bits
};
int cni_result_read(struct arena *arena, const char *dir, struct cni_result *ret_result, struct err *err);
