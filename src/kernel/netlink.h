// SPDX-License-Identifier: Apache-2.0
// Netlink messages: a builder for requests, and a strict reader of what comes back.
//
// Our own, because libmnl has no static library on Debian 12 and the programs of the hot path are static.
// It is all that rtnetlink (link.h) and nfnetlink (nft.h) need: several requests go out with one sendmsg, and
// netlink_call() returns when the kernel has answered each.
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Requests, one after the other. Zero it before use. Overflow is remembered and reported by netlink_call().
struct netlink_batch {
    size_t used;       // bytes
    size_t message;    // where the message that is being built begins
    uint32_t count;    // messages so far; a message's sequence number is its place, from 1
    uint32_t pending;  // bit n - 1: message n will be answered with an acknowledgement or a dump's end
    uint32_t optional; // bit n - 1: message n may fail
    uint32_t last; // of the messages after the 32nd, the one whose acknowledgement is waited for (0: none)
    bool overflow;
    bool growing;     // what does not fit into bytes goes on the heap, however much it is
    char *heap;       // where the messages are then
    size_t heap_size; // bytes
    char bytes[8192] __attribute__((aligned(8)));
};

// Frees what a growing batch has on the heap.
void netlink_batch_finish(struct netlink_batch *batch);
// Where the messages are.
const char *netlink_batch_bytes(const struct netlink_batch *batch);

// Begins a message with its family's header. flags: NLM_F_*; NLM_F_REQUEST is added, and messages with
// NLM_F_ACK or NLM_F_DUMP are waited for (after the 32nd only the last of them, which is enough for
// nfnetlink: it answers in order). Any message that fails is heard of.
void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *header,
                   size_t size);
// The message that is being built is to be acknowledged, as if it had begun with NLM_F_ACK.
void netlink_acknowledge(struct netlink_batch *batch);
// Lets the message that is being built, one of the first 32, fail without failing the batch.
void netlink_optional(struct netlink_batch *batch);

// Attributes of the message that is being built.
void netlink_put(struct netlink_batch *batch, uint16_t type, const void *data, size_t size);
void netlink_put_u8(struct netlink_batch *batch, uint16_t type, uint8_t value);
void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value);
void netlink_put_be32(struct netlink_batch *batch, uint16_t type, uint32_t value); // nfnetlink's byte order
void netlink_put_string(struct netlink_batch *batch, uint16_t type, const char *text); // with its NUL
// A nested attribute: everything put until netlink_end is in it. header: bytes before the first attribute.
size_t netlink_nest(struct netlink_batch *batch, uint16_t type);
void netlink_put_bytes(struct netlink_batch *batch, const void *bytes, size_t size);
void netlink_end(struct netlink_batch *batch, size_t nest);

// A socket of NETLINK_ROUTE or NETLINK_NETFILTER, in the caller's network namespace. A descriptor or -errno.
int netlink_open(int protocol);

// Sends the batch and reads until every message is answered. each (may be NULL) gets the payload of what was
// asked for; what it returns below 0 ends the call. Returns 0 or the -errno of the first message that failed
// (the others of an rtnetlink batch were done nevertheless). One call a socket: close it after a failure.
typedef int netlink_each(uint16_t type, const void *payload, size_t size, void *data);
int netlink_call(int fd, const struct netlink_batch *batch, netlink_each *each, void *data);
// The same on a socket of NETLINK_ROUTE of its own.
int netlink_route_call(const struct netlink_batch *batch, netlink_each *each, void *data);

// What the kernel said about the last failure in its own words ("Invalid prefix for given prefix length"), or
// "". Good until the next netlink_call().
const char *netlink_error_text(void);

// Splits a run of attributes into a table by type; those of type count and above are left out, the last of a
// type wins. -EBADMSG when a length does not fit.
int netlink_parse(const void *bytes, size_t size, const struct nlattr *ret_table[], size_t count);
// The next attribute of a run, for runs in which several have the same type: *bytes and *size are moved on.
// NULL at the end, and where a length does not fit.
const struct nlattr *netlink_next(const void **bytes, size_t *size);
// The value of a fixed size. -ENODATA when it is not there, -EBADMSG when it has another size.
int netlink_get(const struct nlattr *attribute, void *ret_value, size_t size);
// The text of an attribute, cut to fit; "" when it is not there.
void netlink_get_string(const struct nlattr *attribute, char *ret_text, size_t size);
