// SPDX-License-Identifier: Apache-2.0
// Packets come as the kernel had them at a hook: whole, since connection tracking has put fragments together,
// and perhaps with half a checksum, since a neighbour in memory leaves the rest to a network card.
#include "gate/packet.h"

#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <string.h>

#define IPPROTO_FRAGMENT_HEADER 44
#define FRAGMENT_STEP           8

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

// Checksums

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i + 1 < size; i += 2) sum += get16(bytes + i);
    if (size & 1) sum += (uint32_t)bytes[size - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

// Castagnoli's, as SCTP has it: low byte first.
static uint32_t crc32c(const uint8_t *bytes, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static const struct sum {
    uint8_t protocol;
    uint8_t offset; // of the checksum in its header
    bool pseudo;    // over the addresses, too
} sums[] = {
    {IPPROTO_TCP, 16, true},
    {IPPROTO_UDP, 6, true},
    {IPPROTO_ICMP, 2, false},
    {IPPROTO_ICMPV6, 2, true},
};

static void sctp_complete(uint8_t *at, size_t size) {
    if (size < 12) return;
    memset(at + 8, 0, 4);
    uint32_t crc = crc32c(at, size);
    for (int i = 0; i < 4; i++) at[8 + i] = (uint8_t)(crc >> 8 * i);
}

// addresses: both, one behind the other.
static void sum_complete(const uint8_t *addresses, size_t addresses_size, uint8_t protocol, uint8_t *at,
                         size_t size) {
    if (protocol == IPPROTO_SCTP) return sctp_complete(at, size);
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
        const struct sum *s = &sums[i];
        if (s->protocol != protocol || size < s->offset + 2u) continue;
        put16(at + s->offset, 0);
        uint32_t sum = s->pseudo ? add((uint32_t)size + protocol, addresses, addresses_size) : 0;
        uint16_t value = fold(add(sum, at, size));
        put16(at + s->offset, protocol == IPPROTO_UDP && !value ? 0xffff : value);
    }
}

// IPv4

static bool is_multicast4(const uint8_t *address) {
    return address[0] >= 224;
}

static int prepare4(uint8_t *packet, size_t size, struct sockaddr_storage *ret_to, socklen_t *ret_to_size) {
    size_t header = (packet[0] & 15u) * 4u;
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (header < sizeof(struct iphdr) || size < header || get16(packet + 2) != size) return -EBADMSG;
    if (get16(packet + 6) & (IP_MF | IP_OFFMASK)) return -EBADMSG; // of a piece nobody knows the ports
    if (is_multicast4(packet + 12) || is_multicast4(packet + 16)) return -EADDRNOTAVAIL;
    sum_complete(packet + 12, 8, packet[9], packet + header, size - header);
    memcpy(&to.sin_addr, packet + 16, sizeof to.sin_addr);
    memcpy(ret_to, &to, sizeof to);
    *ret_to_size = sizeof to;
    return 0;
}

static int cut4(const uint8_t *packet, size_t size, uint32_t identification, packet_send *send, void *data) {
    uint8_t piece[PACKET_WHOLE];
    size_t header = (packet[0] & 15u) * 4u, room = (sizeof piece - header) / FRAGMENT_STEP * FRAGMENT_STEP;
    memcpy(piece, packet, header);
    for (size_t at = 0, n; at < size - header; at += n) {
        n = size - header - at < room ? size - header - at : room;
        bool more = at + n < size - header;
        put16(piece + 2, (uint16_t)(header + n));
        put16(piece + 4, (uint16_t)(identification % UINT16_MAX + 1)); // 0: the kernel would choose, for each
        put16(piece + 6, (uint16_t)((more ? IP_MF : 0) | at / FRAGMENT_STEP));
        memcpy(piece + header, packet + header + at, n);
        int r = send(piece, header + n, data);
        if (r < 0) return r;
    }
    return 0;
}

// IPv6

static bool is_forwarded6(const uint8_t *address) {
    return address[0] != 0xff && !(address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

// Finding a neighbour, which a host believes only what was never forwarded.
static bool is_neighbour6(const uint8_t *packet, size_t size) {
    const size_t header = sizeof(struct ip6_hdr);
    return packet[6] == IPPROTO_ICMPV6 && packet[7] == 255 &&
           size >= header + sizeof(struct nd_neighbor_solicit) &&
           (packet[header] == ND_NEIGHBOR_SOLICIT || packet[header] == ND_NEIGHBOR_ADVERT) &&
           packet[8] != 0xff && packet[8] != 0;
}

// Behind extension headers the sender's checksum is left as it is: only what has none of them comes with half
// a one.
static int prepare6(uint8_t *packet, size_t size, uint32_t link, struct sockaddr_storage *ret_to,
                    socklen_t *ret_to_size) {
    size_t header = sizeof(struct ip6_hdr);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    if (size < header || get16(packet + 4) != size - header) return -EBADMSG;
    if (packet[6] == IPPROTO_FRAGMENT_HEADER) return -EBADMSG;
    if (is_neighbour6(packet, size))
        to.sin6_scope_id = link;
    else if (!is_forwarded6(packet + 8) || !is_forwarded6(packet + 24))
        return -EADDRNOTAVAIL;
    sum_complete(packet + 8, 32, packet[6], packet + header, size - header);
    memcpy(&to.sin6_addr, packet + 24, sizeof to.sin6_addr);
    memcpy(ret_to, &to, sizeof to);
    *ret_to_size = sizeof to;
    return 0;
}

static int cut6(const uint8_t *packet, size_t size, uint32_t identification, packet_send *send, void *data) {
    uint8_t piece[PACKET_WHOLE];
    const size_t header = sizeof(struct ip6_hdr), fragment = sizeof(struct ip6_frag);
    const size_t room = (sizeof piece - header - fragment) / FRAGMENT_STEP * FRAGMENT_STEP;
    memcpy(piece, packet, header);
    piece[6] = IPPROTO_FRAGMENT_HEADER;
    piece[header] = packet[6];
    piece[header + 1] = 0;
    memcpy(piece + header + 4, &identification, sizeof identification);
    for (size_t at = 0, n; at < size - header; at += n) {
        n = size - header - at < room ? size - header - at : room;
        bool more = at + n < size - header;
        put16(piece + 4, (uint16_t)(fragment + n));
        put16(piece + header + 2, (uint16_t)(at | more));
        memcpy(piece + header + fragment, packet + header + at, n);
        int r = send(piece, header + fragment + n, data);
        if (r < 0) return r;
    }
    return 0;
}

int packet_prepare(uint8_t *packet, size_t size, uint32_t link, struct sockaddr_storage *ret_to,
                   socklen_t *ret_to_size) {
    if (size < sizeof(struct iphdr) || size > PACKET_MAX) return -EBADMSG;
    if (packet[0] >> 4 == 4) return prepare4(packet, size, ret_to, ret_to_size);
    return packet[0] >> 4 == 6 ? prepare6(packet, size, link, ret_to, ret_to_size) : -EBADMSG;
}

int packet_cut(const uint8_t *packet, size_t size, uint32_t identification, packet_send *send, void *data) {
    if (size <= PACKET_WHOLE) return send(packet, size, data);
    return packet[0] >> 4 == 4 ? cut4(packet, size, identification, send, data)
                               : cut6(packet, size, identification, send, data);
}
