// SPDX-License-Identifier: Apache-2.0
// Whole packets that a rule of nftables logs to a group (`log group N`), by nfnetlink_log, in the network
// namespace where the socket was opened. All return -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Listens to a group: packets come one by one, at once, and whole. A descriptor; -EPERM when somebody else
// listens to the group, which belongs to one socket at a time, or without CAP_NET_ADMIN (which only this
// needs). What is not read in time is dropped by the kernel without a word.
int nflog_open(uint16_t group);

// Waits for a message and calls each for its packets (from the IP header on; the caller may write to it).
// link: the index of the interface that it came in by. -EINTR when a signal came first. buffer:
// NFLOG_BUFFER_SIZE bytes, aligned for netlink.
#define NFLOG_BUFFER_SIZE 131072
typedef void nflog_each(uint8_t *packet, size_t size, uint32_t link, void *data);
int nflog_read(int fd, char *buffer, nflog_each *each, void *data);
