// SPDX-License-Identifier: Apache-2.0
// The network by ip, tc, nft and pasta. From outside, its namespace is the one that "$dir"/net holds.
#include "plan/shell_parts.h"

#include "base/arena.h"
#include "base/str.h"
#include "kernel/traffic.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

// The child is this script's first shell, whose pid is not known here: what takes it says so.
void shell_net_device(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = shell_quote(shell, TEXT(op->net_device.name)),
                          *new_name = shell_quote(shell, TEXT(op->net_device.new_name));
    fprintf(shell->out, "# ip link set %s down && ip link set %s netns PID name %s\n", name, name, new_name);
}

static void print_port(struct shell *shell, const char *word, const struct plan_op *op,
                       const struct plan_port *ports, uint32_t index) {
    static const uint8_t all[16];
    char host[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN];
    const char *protocol = ports->protocol == IPPROTO_UDP    ? "udp"
                           : ports->protocol == IPPROTO_SCTP ? "sctp"
                                                             : "tcp";
    bool one = memcmp(ports->host, all, sizeof all) != 0;
    inet_ntop(ports->family, ports->host, host, sizeof host);
    inet_ntop(ports->family, ports->address, address, sizeof address);
    fprintf(shell->out, "%s element inet %s %s%s%c { %s . %s%s%u", word, TEXT(op->publish.table),
            one ? "address_" : "", ports->respect ? "respected" : "ports",
            ports->family == AF_INET ? '4' : '6', protocol, one ? host : "", one ? " . " : "",
            ports->host_port + index);
    if (str_eq(word, "add")) fprintf(shell->out, " : %s . %u", address, ports->port + index);
    fputs(" }\n", shell->out);
    if (!ports->respect) return;
    fprintf(shell->out, "%s element inet %s gate_%sports%c { %s . %s%s%u }\n", word, TEXT(op->publish.table),
            one ? "address_" : "", ports->family == AF_INET ? '4' : '6', protocol, one ? host : "",
            one ? " . " : "", ports->host_port + index);
}

void shell_ports(struct shell *shell, const char *word, const struct plan_op *op) {
    const struct plan_port *ports = plan_data(shell->block, op->publish.ports);
    bool any = false;
    for (size_t i = 0; i < op->publish.ports.size / sizeof *ports; i++)
        for (uint32_t k = 0; k < ports[i].count; k++) {
            if (!any) fputs("nft -f - << 'PORTS'\n", shell->out);
            any = true;
            print_port(shell, word, op, &ports[i], k);
        }
    if (any) fputs("PORTS\n", shell->out);
}

void shell_publish(struct shell *shell, const struct plan_op *op) {
    const struct plan_port *ports = plan_data(shell->block, op->publish.ports);
    uint32_t count = 0;
    for (size_t i = 0; i < op->publish.ports.size / sizeof *ports; i++) count += ports[i].count;
    if (!count) return; // only places for later ones
    fputs("\n# Published ports: elements of the maps that hoy's rules look into.\n", shell->out);
    shell_ports(shell, "add", op);
}

// The namespace that becomes the container's, once.
static void print_netns(struct shell *shell) {
    if (shell->has_netns) return;
    shell->has_netns = true;
    fputs(": > \"$dir\"/net\nunshare --net=\"$dir\"/net true\n", shell->out);
}

static void print_mac_and_mtu(struct shell *shell, const uint8_t *mac, uint32_t mtu) {
    if (mac)
        fprintf(shell->out, " address %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
    if (mtu) fprintf(shell->out, " mtu %u", mtu);
}

void shell_veth_add(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *host = shell_quote(shell, TEXT(op->veth.host)),
                          *peer = shell_quote(shell, TEXT(op->veth.peer));
    print_netns(shell);
    fprintf(shell->out, "ip link add %s type veth peer name %s netns \"$dir\"/net", host, peer);
    print_mac_and_mtu(shell, op->veth.has_mac ? op->veth.mac : NULL, op->veth.mtu);
    fputc('\n', shell->out);
    if (op->veth.mtu) fprintf(shell->out, "ip link set %s mtu %u\n", host, op->veth.mtu);
    fprintf(shell->out, "ip link set %s up\nip link set %s addrgenmode none\n", host, host);
}

void shell_bridge_port(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *link = shell_quote(shell, TEXT(op->bridge_port.link)),
                          *bridge = shell_quote(shell, TEXT(op->bridge_port.bridge));
    fprintf(shell->out, "ip link set %s master %s\n", link, bridge);
    if (op->bridge_port.hairpin) fprintf(shell->out, "bridge link set dev %s hairpin on\n", link);
}

// It is root who runs the script, and pasta would become nobody, who may not join what root has made.
void shell_pasta(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) const char **argv = plan_list_items(shell->block, op->pasta.argv);
    print_netns(shell);
    for (size_t i = 0; argv[i]; i++) {
        if (!strcmp(argv[i], "--foreground")) continue; // here it goes into the background, and with the file
        _cleanup_(freep) char *word = shell_quote(shell, argv[i]);
        fprintf(shell->out, "%s ", word);
    }
    fputs("--runas 0:0 --netns \"$dir\"/net\n", shell->out);
}

void shell_link_add(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *parent = shell_quote(shell, TEXT(op->child_link.parent)),
                          *name = shell_quote(shell, TEXT(op->child_link.name)),
                          *kind = shell_quote(shell, TEXT(op->child_link.kind)),
                          *mode = shell_quote(shell, TEXT(op->child_link.mode)),
                          *flag = shell_quote(shell, TEXT(op->child_link.flag));
    print_netns(shell);
    fprintf(shell->out, "ip link add link %s name %s netns \"$dir\"/net", parent, name);
    print_mac_and_mtu(shell, op->child_link.has_mac ? op->child_link.mac : NULL, op->child_link.mtu);
    fprintf(shell->out, " type %s", kind);
    if (op->child_link.mode) fprintf(shell->out, " mode %s", mode);
    if (op->child_link.flag) fprintf(shell->out, " %s", flag);
    fputc('\n', shell->out);
}

// As kernel/traffic.c has it, with tc's own words.
void shell_net_rate(struct shell *shell, const struct plan_op *op) {
    char helper_name[16];
    traffic_helper_name(TEXT(op->net_rate.host), helper_name);
    _cleanup_(freep) char *host = shell_quote(shell, TEXT(op->net_rate.host)),
                          *helper = shell_quote(shell, helper_name);
    if (op->net_rate.in)
        fprintf(shell->out, "tc qdisc replace dev %s root tbf rate %" PRIu64 "bit burst 32k latency 100ms\n",
                host, op->net_rate.in);
    if (!op->net_rate.out) return;
    fprintf(shell->out,
            "ip link add %s type ifb\n"
            "tc qdisc replace dev %s root tbf rate %" PRIu64 "bit burst 32k latency 100ms\n"
            "ip link set %s up\n"
            "tc qdisc add dev %s ingress\n"
            "tc filter add dev %s parent ffff: protocol all u32 match u32 0 0 \\\n"
            "    action mirred egress redirect dev %s\n",
            helper, helper, op->net_rate.out, helper, host, host, helper);
}

void shell_link_ipv6(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = shell_quote(shell, TEXT(op->link.name));
    fprintf(shell->out, "[ ! -e /proc/sys/net/ipv6 ] || echo %d > /proc/sys/net/ipv6/conf/%s/disable_ipv6\n",
            !op->link.ipv6, name);
}

void shell_enter_netns(struct shell *shell, const struct plan_op *op) {
    (void)op;
    fputs("ip link set lo up\n", shell->out);
}

void shell_link_up(struct shell *shell, const struct plan_op *op) {
    _cleanup_(freep) char *name = shell_quote(shell, TEXT(op->link.name));
    fprintf(shell->out, "ip link set %s up\n", name);
}

void shell_address_add(struct shell *shell, const struct plan_op *op) {
    char address[INET6_ADDRSTRLEN] = "";
    _cleanup_(freep) char *link = shell_quote(shell, TEXT(op->address.link));
    inet_ntop(op->address.family, op->address.bytes, address, sizeof address);
    fprintf(shell->out, "ip address add %s/%u %sdev %s\n", address, op->address.prefix,
            op->address.family == AF_INET ? "broadcast + " : "", link);
}

void shell_route_add(struct shell *shell, const struct plan_op *op) {
    static const uint8_t none[16];
    char address[INET6_ADDRSTRLEN] = "", to[INET6_ADDRSTRLEN] = "";
    _cleanup_(freep) char *link = shell_quote(shell, TEXT(op->address.link));
    inet_ntop(op->address.family, op->address.bytes, address, sizeof address);
    inet_ntop(op->address.family, op->address.destination, to, sizeof to);
    fprintf(shell->out, "ip %sroute add ", op->address.family == AF_INET ? "" : "-6 ");
    if (op->address.prefix)
        fprintf(shell->out, "%s/%u", to, op->address.prefix);
    else
        fputs("default", shell->out);
    if (memcmp(op->address.bytes, none, sizeof none)) fprintf(shell->out, " via %s", address);
    fprintf(shell->out, " dev %s", link);
    if (op->address.metric) fprintf(shell->out, " metric %u", op->address.metric);
    fputs(op->address.is_outside ? " onlink\n" : "\n", shell->out);
}
