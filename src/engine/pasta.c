// SPDX-License-Identifier: Apache-2.0
// Bridges are interfaces of the host's, and take root. What an ordinary user's container has instead is the
// host's own address, in a network namespace of its own: what it connects to sees a connection of the host's,
// and what connects to it is seen as who it is. Its published ports are pasta's sockets; the rows of the
// database tell who has them, as with other containers.
#include "engine/pasta.h"

#include "engine/net_rate.h"
#include "engine/rootless.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

bool container_uses_pasta(const struct container_config *config) {
    return str_eq(config->network_mode, NETWORK_PASTA);
}

const char *network_usual(void) {
    return rootless_is_here() ? NETWORK_PASTA : NETWORK_DEFAULT;
}

// At create

int pasta_refuse_networks(const struct engine *engine, const char *what, struct err *err) {
    if (!engine->rootless) return 0;
    return err_set(
        err, ERR_INVALID, 0,
        "%s: networks of hoy's are interfaces and rules on the host, which take root (sudo hoy); an "
        "ordinary user's containers have pasta, none, host and container:X",
        what);
}

static int refuse(const char *flag, struct err *err) {
    return err_set(err, ERR_INVALID, 0,
                   "%s: a container on the network pasta has the host's addresses, and %s", flag,
                   "nothing of its own that this could be for");
}

int pasta_check(const struct engine *engine, const struct container_config *config, struct err *err) {
    bool pasta = container_uses_pasta(config);
    const char *mode = config->network_mode ? config->network_mode : network_usual();
    char what[128];
    snprintf(what, sizeof what, "--network %s", mode);
    if (container_has_networks(config) || str_has_prefix(mode, "cni:"))
        return pasta_refuse_networks(engine, what, err);
    if (pasta && !engine->rootless)
        return err_set(err, ERR_INVALID, 0,
                       "--network pasta: that is for ordinary users; root's containers have bridges");
    if (pasta && str_eq(config->firewall, "bypass"))
        return err_set(
            err, ERR_INVALID, 0,
            "--firewall bypass: the ports of a container on the network pasta are sockets of a program on "
            "the host, and its firewall has the say over them");
    if (pasta && config->mac_address) return refuse("--mac-address", err);
    if (pasta && (config->net_rate.in.value || config->net_rate.out.value)) return refuse("--net-rate", err);
    return 0;
}

// At a start

// Not looked for in the caller's PATH: a container that is started again has none.
static const char *find_program(void) {
    static const char *const paths[] = {"/usr/bin/pasta", "/usr/local/bin/pasta", "/bin/pasta"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (!access(paths[i], X_OK)) return paths[i];
    return NULL;
}

static int find(const char **ret_program, struct err *err) {
    *ret_program = find_program();
    if (!*ret_program)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "an ordinary user's containers have their network by the program pasta, which is not "
                       "installed (Debian's package passt); --network none and host do without it");
    if (access("/dev/net/tun", R_OK | W_OK))
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "pasta, which makes the network of an ordinary user's containers, can't open "
                       "/dev/net/tun: load the module tun and let everybody use it (mode 0666, as udev has "
                       "it); --network none and host do without it");
    return 0;
}

// Of one binding there are two runs when it is for all addresses, which are one to pasta.
static bool is_both(const struct port_run *v4, const struct port_run *v6) {
    return str_eq(v4->host, "0.0.0.0") && str_eq(v6->host, "::") && v4->protocol == v6->protocol &&
           v4->host_port == v6->host_port && v4->port == v6->port && v4->count == v6->count;
}

// "8080:80", "127.0.0.1/8080-8089:80-89"
static const char *port_text(struct arena *arena, const struct port_run *run, bool both) {
    unsigned last = run->count - 1;
    const char *host = both ? "" : arena_printf(arena, "%s/", run->host);
    return last ? arena_printf(arena, "%s%u-%u:%u-%u", host, run->host_port, run->host_port + last, run->port,
                               run->port + last)
                : arena_printf(arena, "%s%u:%u", host, run->host_port, run->port);
}

static void add_ports(struct arena *arena, const struct port_runs *ports, uint8_t protocol,
                      const char *option, struct strings *words) {
    size_t before = words->count;
    for (size_t i = 0; i < ports->count; i++) {
        const struct port_run *run = &ports->items[i];
        if (run->protocol != protocol) continue;
        bool both = i + 1 < ports->count && is_both(run, run + 1);
        strings_add(arena, words, option);
        strings_add(arena, words, port_text(arena, run, both));
        i += both;
    }
    if (words->count > before) return;
    strings_add(arena, words, option);
    strings_add(arena, words, "none");
}

int pasta_plan(const struct port_runs *ports, struct plan *plan, struct err *err) {
    // Nothing is forwarded that was not asked for, and the host's own loopback is not reachable.
    static const char *const options[] = {"--foreground", "--quiet", "--config-net",  "--no-map-gw",
                                          "--ns-ifname",  "eth0",    "--dns-forward", PASTA_DNS,
                                          "--tcp-ns",     "none",    "--udp-ns",      "none"};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings words = {0};
    const char *program;
    if (find(&program, err)) return -1;
    strings_add(&arena, &words, program);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) strings_add(&arena, &words, options[i]);
    add_ports(&arena, ports, IPPROTO_TCP, "--tcp-ports", &words);
    add_ports(&arena, ports, IPPROTO_UDP, "--udp-ports", &words);
    struct plan_list list = plan_strings(plan, words.items, words.count);
    plan_add(plan, PLAN_PASTA, ports->count ? "--publish" : "default")->pasta.argv = list;
    return 0;
}
