// SPDX-License-Identifier: Apache-2.0
// Ports of the host's that lead to containers: who has which is in the database (table port), and each is
// held by a socket of the container's shim (shim/ports.h), so that nobody else gets it meanwhile.
#pragma once

#include "base/arena.h"
#include "base/id.h"
#include "kernel/bag.h"
#include "kernel/nft.h"
#include "kernel/port_socket.h"
#include "plan/plan.h"
#include "state/db.h"

#include <netinet/in.h>

// What somebody asks for with -p: a run of ports.
struct port_binding {
    uint8_t protocol;     // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP
    uint16_t port, count; // in the container, from port on
    const char *host;     // an address of the host's; NULL: all, of both versions
    uint16_t host_port;   // 0: one that the kernel has free
    uint16_t host_count;  // count: one for each; more, for a single port: the first of them that is free
};
struct port_bindings {
    struct port_binding *items;
    size_t count;
};

// Where ports of a container lead: what it has of one of its networks.
struct port_target {
    char v4[INET6_ADDRSTRLEN], v6[INET6_ADDRSTRLEN]; // or ""
    char host[INET6_ADDRSTRLEN]; // the network's own address of the host's for ports that have none, or ""
    char link[LINK_NAME_SIZE];   // the host's end of its interface
    bool pasta;                  // which knows where they lead, and is told none of it
};

// What it got: a run of ports of one address of the host's.
struct port_run {
    uint8_t family, protocol;       // AF_INET, AF_INET6: of the host's address; IPPROTO_*
    char host[INET6_ADDRSTRLEN];    // "0.0.0.0" and "::" are all
    char address[INET6_ADDRSTRLEN]; // the container's; of another family than the host's: hoy-proxy hands on;
                                    // "": pasta does
    uint16_t host_port, port;
    uint32_t count;
    bool respect; // the host's firewall decides who comes in
};
struct port_runs {
    struct port_run *items;
    size_t count;
};
// Whether the container's port is among them.
bool port_run_has(const struct port_run *run, uint8_t protocol, uint16_t port);
bool port_runs_have(const struct port_runs *runs, uint8_t protocol, uint16_t port);

// Rows (port_rows.c). One that is pending belongs to an update that is not complete: the port comes or goes.
// One that is switching stays, and its rule may not be as the row has it yet.
enum port_state { PORT_READY, PORT_PENDING, PORT_SWITCHING };

// Whose a port of the host's is, asked for at one of its addresses: 1, 0 when nobody's. ret_run is the run
// that it is of.
int port_row_find(struct db *db, const struct port_address *address, char ret_holder[static ID_SIZE],
                  struct port_run *ret_run, struct err *err);
// Within a transaction. 1; 0 when a container has one of them already.
struct port_holder {
    char id[ID_SIZE];
    uint16_t host_port; // the one that it has
};
int port_row_take(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                  struct port_holder *ret_holder, struct err *err);
// Those of a container, by container port; pending: those that are, else all others.
int port_rows_load(struct db *db, struct arena *arena, const char *container_id, bool pending,
                   struct port_runs *ret_runs, struct err *err);
int port_rows_load_switching(struct db *db, struct arena *arena, const char *container_id,
                             struct port_runs *ret_runs, struct err *err);
// Takes all of a container's away, from the kernel too.
int port_rows_release(struct db *db, const char *container_id, struct err *err);
void port_rows_expect_release(struct db *db); // compiles what that asks first
// What the kernel should have of them, of all containers.
struct nft_ports {
    struct nft_port *items;
    size_t count;
};
int port_rows_rules(struct db *db, struct arena *arena, struct nft_ports *ret_ports, struct err *err);
// Rows have changed after the kernel had: somebody may have made all rules anew in between, of the rows as
// they were. The kernel has what these say afterwards.
int port_rows_assert(struct db *db, const struct port_runs *there, const struct port_runs *gone,
                     struct err *err);
// Whether somebody emptied the kernel's maps of ports, behind hoy's back: one of each map is asked for. 1: it
// is not there, and its container should have it as long as it runs (a shim takes them out before the row
// goes); 0.
int port_rows_absent(struct db *db, char ret_holder[static ID_SIZE], struct err *err);
// Whether the kernel leads a port of the host's to its container; those that it need not know of are fine.
bool port_run_is_led(struct db *db, const struct port_run *run, uint16_t host_port);
// Whether any container has one that respects the host's firewall: 1 or 0.
int port_rows_respect(struct db *db, struct err *err);
// The rows alone of those that are pending.
int port_rows_drop_pending(struct db *db, const char *container_id, struct err *err);
// It leads to another address of the container's.
int port_row_set_address(struct db *db, const char *container_id, const struct port_run *run,
                         struct err *err);
int port_row_set_pending(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                         struct err *err);
// Its rule is as the row has it, or is to be.
int port_row_set_respect(struct db *db, const char *container_id, const struct port_run *run,
                         enum port_state state, struct err *err);
// Containers with rows that are pending or switching.
int port_rows_list_pending(struct db *db, struct arena *arena, struct strings *ret_ids, struct err *err);

// Sockets (port_hold.c)

struct port_hold {
    int bag, mouth, served; // served: -1 as long as none is
    int fds[BAG_MAX];       // not in the bag yet
    size_t count;
};
#define PORT_HOLD_NONE                       \
    (struct port_hold) {                     \
        .bag = -1, .mouth = -1, .served = -1 \
    }
int port_hold_begin(struct port_hold *hold);
// Binds one port of a run, on all its addresses: *host_port 0 is any, and then it says which one.
// -EADDRINUSE, -EADDRNOTAVAIL, or what else the kernel says; nothing is held then.
int port_hold_take(struct port_hold *hold, const struct port_run *runs, size_t count, uint16_t port,
                   const struct port_target *target, uint16_t *host_port);
// Takes over what another bag has, but for ports of these runs. target: where they lead now, or NULL.
int port_hold_copy(struct port_hold *hold, int bag, const struct port_runs *without,
                   const struct port_target *target);
// All is in.
int port_hold_end(struct port_hold *hold);
void port_hold_finish(struct port_hold *hold);

// A run as the plan has it; count 0 when the kernel has nothing to do with it.
struct plan_port port_run_plan(const struct port_run *run);
// Whether hoy-proxy alone hands it on.
bool port_run_is_served(const struct port_run *run);
struct port_address port_run_address(const struct port_run *run, uint16_t host_port);
const char *port_protocol_name(uint8_t protocol); // "tcp", "udp", "sctp"
