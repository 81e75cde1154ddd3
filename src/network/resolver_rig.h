// SPDX-License-Identifier: Apache-2.0
// For tests: the real hoy-resolver, started as a container's start does it, and asked from network namespaces
// of containers. What it forwards comes to a server of the rig's, which behaves as the name says that it is
// asked for.
#pragma once

#include "base/id.h"
#include "base/str.h"
#include "network/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NETWORK   "11111111111111111111111111111111111111111111111111111111111111aa"
#define OTHER     "22222222222222222222222222222222222222222222222222222222222222bb"
#define TYPE_A    1
#define TYPE_PTR  12
#define TYPE_MX   15
#define TYPE_AAAA 28

#define NOERROR  0
#define FORMERR  1
#define SERVFAIL 2
#define NXDOMAIN 3

// For cmocka_run_group_tests(): in namespaces of their own, with an /etc of their own.
int resolver_rig_setup(void **state);
int resolver_rig_teardown(void **state);
void require_root(void);
extern int runroot;

// A process in a network namespace of its own, and what its shim would hold.
struct container {
    pid_t pid;
    int netns, connection;
    char id[ID_SIZE];
};

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

void container_begin(struct container *c, char digit);
void container_names(struct container *c, const char *network, const char *const *addresses,
                     const char *const *words);
// What the resolver is told of it; rest: the lines after the first two.
void container_text(const struct container *c, const char *rest, struct str *text);
void container_register(struct container *c, const char *rest);
// later: as of resolver_connect().
void container_register_with(struct container *c, const char *rest, struct resolver_start *later);
void container_end(struct container *c);
// "web" and "db" on NETWORK, registered.
void two_containers(struct container *a, struct container *b, const char *rest);

struct answer {
    int code;
    unsigned count;
    bool truncated;
    size_t size;
    uint8_t bytes[65536];
};

size_t query_make(uint8_t *bytes, uint16_t id, const char *name, uint16_t type); // its size
void answer_read(struct answer *a, ssize_t n, uint16_t id);                      // n bytes are there
// The nth answer's data; each has a pointer for its owner.
const uint8_t *answer_data(const struct answer *a, unsigned n, size_t *ret_size);
void answer_text(const struct answer *a, unsigned n, char *text); // an address; INET6_ADDRSTRLEN

// From within the container, at 127.0.0.11.
int ask_socket(const struct container *c, int type); // connected; the caller closes it
void ask(const struct container *c, const char *name, uint16_t type, struct answer *a);
void ask_tcp(const struct container *c, const char *name, uint16_t type, struct answer *a);
void ask_bytes(const struct container *c, const uint8_t *bytes, size_t size, struct answer *a);
void expect_address(const struct container *c, const char *name, uint16_t type, const char *address);
void expect_code(const struct container *c, const char *name, uint16_t type, int code); // and no answer

// Another such server, at 127.0.0.1 in the container; it is registered.
pid_t container_upstream(const struct container *c);
void upstream_end(pid_t pid);

// What a host's resolv.conf says is heard of by a name in it that was not there before.
void host_servers(const char *text);

pid_t resolver_pid(void); // 0: there is none
void wait_for_end(int pidfd);
