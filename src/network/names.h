// SPDX-License-Identifier: Apache-2.0
// Names: what other containers of a network find a container by, and what its own questions are answered
// from.
//
//   <runroot>/networks/<network id>/<container id>   its names on that network (resolver/zone.h)
//                                   resolver.sock    where the network's resolver is reached
//                                   lock             held while somebody connects, starts a resolver, or ends
//                                   as one
//
// Networks that give no names (the default bridge, host, none) have nothing of this. A container that is on
// several networks has a names file in each, and is served by the resolver of one of them, the first.
//
//   <runroot>/containers/<container id>/resolver     what its resolver was told of it, and whose that is
//
// engine/resolver.h has what is done with these when.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "state/db.h"

#include <stdbool.h>

// runroot: a descriptor of it, in all of these.

struct names {
    struct strings addresses; // as text, of both versions
    struct strings names;     // its own name first, then its aliases; the short id need not be there
};

// Writes a container's names on a network, or writes them anew (after a rename). Other containers find it
// from then on.
int names_write(int runroot, const char *network_id, const char *container_id, const struct names *names,
                struct err *err);
// Fine when there are none.
int names_remove(int runroot, const char *network_id, const char *container_id, struct err *err);
// All that is there of a network that nobody uses any more. Its resolver may still serve a container that has
// left all networks: then this is done by names_sweep(), later.
int names_forget(int runroot, const char *network_id, struct err *err);
// The same of all networks that have no row: whoever removed one was killed before he could.
int names_sweep(int runroot, struct db *db, struct err *err);

// What a resolver has to know of a container. Texts are borrowed.
struct names_scope {
    const char *container_id;
    struct {
        struct names_network *items;
        size_t count;
    } networks; // the first is looked into first
    struct {
        struct names_link *items;
        size_t count;
    } links;
    struct strings servers;  // of --dns; none: the host's
    struct strings gateways; // the host's addresses as the container reaches them: host.docker.internal
    struct strings options;  // of its resolv.conf
};
struct names_network {
    const char *id, *name;
    bool internal;
};
struct names_link {
    const char *name, *target;
};
void names_text(const struct names_scope *scope, struct str *ret_text);

// A resolver that is yet to be run: its socket takes connections already, and what is sent there waits. They
// are reset when it is finished without, which whoever connected takes for a resolver that was killed.
#define RESOLVER_START_FDS 3
struct resolver_start {
    int fds[RESOLVER_START_FDS];
};
#define RESOLVER_START_NONE   \
    (struct resolver_start) { \
        .fds = { -1, -1, -1 } \
    }
bool resolver_is_to_run(const struct resolver_start *start);
// Nothing when there is none to be run. Waits for the execve, and so for a free processor.
int resolver_run(struct resolver_start *start, struct err *err);
void resolver_start_finish(struct resolver_start *start);

// A descriptor that is connected to a network's resolver, which is started when there is none. Whoever is on
// the network and had a resolver that was killed is registered with the new one. later (may be NULL, the
// caller finishes it): where the caller's is the only container on the network the resolver is left for
// resolver_run().
int resolver_connect(int runroot, const char *network_id, struct resolver_start *later, int *ret_fd,
                     struct err *err);
// Registers a running container with a network's resolver, for as long as its process lives.
int resolver_serve_process(int runroot, const char *network_id, const char *container_id, const char *text,
                           struct err *err);
// The same, for as long as the other end of a socket is open; also for a container that is served already.
int resolver_hold(int runroot, const char *network_id, const char *container_id, const char *text, int until,
                  struct err *err);
// Tells the resolver that a running container's scope has changed; network_id: the network whose resolver
// serves it. In force when this returns. ERR_NOT_FOUND when that resolver does not serve it.
int resolver_update(int runroot, const char *network_id, const char *container_id, const char *text,
                    struct err *err);
// Whether one runs, for whomever.
bool resolver_is_there(int runroot, const char *network_id);
// It is not served by this one any more. Fine when it was not.
void resolver_forget(int runroot, const char *network_id, const char *container_id);

// What a container's resolver was told, for who has to tell it again; network_id: whose resolver that is.
int names_keep(int runroot, const char *container_id, const char *network_id, const char *text,
               struct err *err);
// The same again: 0, or -errno; -ENOENT when no resolver serves the container.
int names_kept(int runroot, const char *container_id, char ret_network_id[static ID_SIZE],
               struct str *ret_text);
// A container goes from one network's resolver to another's. The first call remembers whose it leaves, the
// second has that one forget it, if there is one that was left: also after a command that was killed in
// between.
int names_leave(int runroot, const char *container_id, const char *network_id, struct err *err);
void names_forget_left(int runroot, const char *container_id);
