// SPDX-License-Identifier: Apache-2.0
#include "network/address.h"

#include "base/fd.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t address_size(const struct address *address) {
    return address->family == AF_INET ? 4 : address->family == AF_INET6 ? 16 : 0;
}

int address_parse(const char *text, struct address *ret_address) {
    struct address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1)
        address.family = AF_INET;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.family = AF_INET6;
    else
        return -EINVAL;
    *ret_address = address;
    return 0;
}

const char *address_print(const struct address *address, char buffer[static ADDRESS_TEXT]) {
    *buffer = '\0';
    if (address_is_set(address)) inet_ntop(address->family, address->bytes, buffer, ADDRESS_TEXT);
    return buffer;
}

const char *address_text(struct arena *arena, const struct address *address) {
    char text[ADDRESS_TEXT];
    return arena_strdup(arena, address_print(address, text));
}

struct address address_ipv4(uint32_t host_order) {
    struct address address = {.family = AF_INET};
    host_order = htonl(host_order);
    memcpy(address.bytes, &host_order, 4);
    return address;
}

int address_compare(const struct address *a, const struct address *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool address_equal(const struct address *a, const struct address *b) {
    return a->family == b->family && !address_compare(a, b);
}

bool address_is_loopback(const struct address *address) {
    return address->family == AF_INET ? address->bytes[0] == 127
                                      : address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(address->bytes);
}

bool address_is_link_local(const struct address *address) {
    return address->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(address->bytes);
}

bool address_advance(struct address *address, uint64_t n) {
    struct address sum = *address;
    for (size_t i = address_size(address); n && i-- > 0;) {
        n += sum.bytes[i];
        sum.bytes[i] = (uint8_t)n;
        n >>= 8;
    }
    if (n) return false;
    *address = sum;
    return true;
}

// The bits behind the prefix become all 0 or all 1.
static void fill(struct address *address, uint8_t prefix, bool ones) {
    for (size_t i = 0; i < address_size(address); i++) {
        unsigned kept = prefix > i * 8 ? prefix - (unsigned)i * 8 : 0;
        uint8_t mask = kept >= 8 ? 0 : (uint8_t)(0xff >> kept);
        address->bytes[i] = (uint8_t)(ones ? address->bytes[i] | mask : address->bytes[i] & ~mask);
    }
}

bool address_in(const struct address *address, const struct subnet *subnet) {
    struct address base = *address;
    fill(&base, subnet->prefix, false);
    return address_equal(&base, &subnet->base);
}

int subnet_parse(const char *text, struct subnet *ret_subnet) {
    char address[ADDRESS_TEXT];
    struct subnet subnet;
    uint32_t prefix;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof address) return -EINVAL;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (address_parse(address, &subnet.base) || parse_u32(slash + 1, &prefix) ||
        prefix > address_size(&subnet.base) * 8)
        return -EINVAL;
    subnet.prefix = (uint8_t)prefix;
    struct address given = subnet.base;
    fill(&subnet.base, subnet.prefix, false);
    *ret_subnet = subnet;
    return address_equal(&given, &subnet.base) ? 0 : -ERANGE;
}

const char *subnet_print(const struct subnet *subnet, char buffer[static SUBNET_TEXT]) {
    char address[ADDRESS_TEXT];
    *buffer = '\0';
    if (address_is_set(&subnet->base))
        snprintf(buffer, SUBNET_TEXT, "%s/%u", address_print(&subnet->base, address), subnet->prefix);
    return buffer;
}

struct address subnet_last(const struct subnet *subnet) {
    struct address last = subnet->base;
    fill(&last, subnet->prefix, true);
    return last;
}

bool subnet_overlaps(const struct subnet *a, const struct subnet *b) {
    return a->base.family == b->base.family &&
           (a->prefix <= b->prefix ? address_in(&b->base, a) : address_in(&a->base, b));
}

bool subnet_contains(const struct subnet *outer, const struct subnet *inner) {
    return outer->prefix <= inner->prefix && address_in(&inner->base, outer);
}

uint64_t subnet_size(const struct subnet *subnet) {
    size_t bits = address_size(&subnet->base) * 8 - subnet->prefix;
    return bits >= 64 ? UINT64_MAX : (uint64_t)1 << bits;
}

void subnet_usable(const struct subnet *subnet, struct address *ret_first, struct address *ret_last) {
    *ret_first = subnet->base;
    *ret_last = subnet_last(subnet);
    if (subnet_size(subnet) <= 2) return;
    address_advance(ret_first, 1);
    if (subnet->base.family == AF_INET) ret_last->bytes[3]--;
}

// A host without it has no such file. What can't be asked for a moment takes nobody's address away.
bool host_has_ipv6(void) {
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", 16, &text);
    return r ? r != -ENOENT : str_has_prefix(str_get(&text), "0");
}
