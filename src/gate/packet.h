// SPDX-License-Identifier: Apache-2.0
// A captured packet made fit to be sent again.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PACKET_MAX 65535
// What every link takes (IPv6's least): a larger packet is sent in fragments.
#define PACKET_WHOLE 1280

// Looks at an IPv4 or IPv6 packet from its header on, and completes the checksums of TCP, UDP, SCTP, ICMP and
// ICMPv6: one that never was on a wire has none yet. ret_to is whom it is for, for a raw socket. -EBADMSG:
// what it says of itself is not so; it is shorter than its header, or cut. -EADDRNOTAVAIL: to or from where
// nothing is forwarded (link-local, multicast), but for IPv6's
// finding of neighbours, which stays on the link that it came by.
int packet_prepare(uint8_t *packet, size_t size, uint32_t link, struct sockaddr_storage *ret_to,
                   socklen_t *ret_to_size);

// For one that no link took whole: calls send for the packet, or for its fragments when it is longer than
// PACKET_WHOLE. Those of one packet have one identification, which the caller makes up. The first result
// below 0 ends it and is returned.
typedef int packet_send(const uint8_t *packet, size_t size, void *data);
int packet_cut(const uint8_t *packet, size_t size, uint32_t identification, packet_send *send, void *data);
