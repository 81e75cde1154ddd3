// SPDX-License-Identifier: Apache-2.0
// nftables: whether hoy's own table is there, and which chains of others have a word in it. What they match
// can't be told from outside; that they drop what they do not know can. Whether they did is what the try
// shows.
#include "engine/network_why_parts.h"

#include "engine/parts.h"
#include "network/gate.h"
#include "network/rules.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

// The root's own: another root's may be there still when somebody took this one away.
static bool own_table_is_there(const struct walk *walk) {
    struct nft_table table;
    struct err ignored;
    if (rules_table(walk->engine->store.db, walk->arena, &table, &ignored)) return false;
    for (size_t i = 0; i < walk->firewall.count; i++) {
        const struct nft_look_chain *chain = &walk->firewall.chains[i];
        if (chain->family == NFPROTO_INET && str_eq(chain->table, table.name)) return true;
    }
    return false;
}

// The hook that the packet passes on the host. Between containers of one bridge there is none but where
// br_netfilter is on. A published port leads on from prerouting, or from the end of input.
static uint32_t hook_of(const struct walk *walk) {
    if (walk->respects) return NF_INET_LOCAL_IN;
    if (walk->published && walk->from.kind != WHY_HOST) return NF_INET_FORWARD;
    if (walk->target_is_host) return walk->from.kind == WHY_HOST ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN;
    return walk->from.kind == WHY_HOST ? NF_INET_LOCAL_OUT : NF_INET_FORWARD;
}

static const char *hook_word(uint32_t hook) {
    switch (hook) {
    case NF_INET_PRE_ROUTING: return "prerouting";
    case NF_INET_LOCAL_IN: return "input";
    case NF_INET_FORWARD: return "forward";
    default: return "output";
    }
}

static bool family_fits(const struct walk *walk, const struct nft_look_chain *chain) {
    return chain->family == NFPROTO_INET ||
           chain->family == (walk->target.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

static bool stays_on_bridge(const struct walk *walk) {
    if (walk->from.kind != WHY_CONTAINER || walk->to.kind != WHY_CONTAINER) return false;
    for (size_t i = 0; i < walk->from.interfaces.count; i++)
        for (size_t n = 0; n < walk->to.interfaces.count; n++)
            if (walk->from.interfaces.items[i].bridge &&
                walk->from.interfaces.items[i].bridge == walk->to.interfaces.items[n].bridge)
                return true;
    return false;
}

bool bridges_are_filtered(void) {
    _cleanup_(str_finish) struct str text = {0};
    char path[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    return !file_read_at(AT_FDCWD, path, 16, &text) && str_get(&text)[0] == '1';
}

// On a bridge or a device, where others than IP's hooks are.
static bool is_below_ip(const struct nft_look_chain *chain) {
    return chain->family == NFPROTO_BRIDGE || chain->hook == NF_INET_INGRESS;
}

static bool concerns(struct walk *walk, const struct nft_look_chain *chain) {
    if (nft_look_is_hoys(chain) || !(chain->policy_drops || chain->rules_drop)) return false;
    if (chain->hook == NF_INET_INGRESS) return device_is_passed(walk, chain->device);
    if (chain->family == NFPROTO_BRIDGE) return stays_on_bridge(walk);
    bool passed =
        chain->hook == hook_of(walk) || (chain->hook == NF_INET_PRE_ROUTING && walk->from.kind != WHY_HOST);
    return passed && family_fits(walk, chain) && (!stays_on_bridge(walk) || bridges_are_filtered());
}

// Past a FORWARD policy hoy's rules know a way.
static bool leads_around(struct walk *walk, const struct nft_look_chain *chain) {
    char name[160];
    if (chain->hook != NF_INET_FORWARD || is_below_ip(chain) || !network_detours() ||
        !own_table_is_there(walk))
        return false;
    if (!network_gate_runs(walk->engine->store.runroot)) {
        walk_ends(walk, "firewall",
                  "chain %s of the host drops what is forwarded, and hoy-gate does not run, by which hoy's "
                  "rules lead "
                  "around it",
                  nft_look_name(chain, name));
        walk_advise(walk, "hoy ps: any other command of hoy's starts it again; hoyd does so by itself");
    } else
        walk_fine(walk, "firewall",
                  "chain %s of the host drops what is forwarded: hoy's rules lead around it",
                  nft_look_name(chain, name));
    return true;
}

// Somebody may have emptied the maps, or have taken out just this port.
static void port_rule_look(struct walk *walk) {
    struct db *db = walk->engine->store.db;
    char holder[ID_SIZE];
    struct err ignored;
    if (!walk->run.count || port_run_is_led(db, &walk->run, walk->host_port)) return;
    walk_ends(walk, "rules", "port %u/%s of the host is not in hoy's table of nftables: somebody took it out",
              walk->host_port, protocol_word(walk));
    if (port_rows_absent(db, holder, &ignored) > 0)
        return walk_advise(walk,
                           "hoy ps: any other command of hoy's puts its ports back; hoyd does so at once");
    walk_advise(walk, "hoy restart %s", walk->published ? walk->behind.text : walk->to.container.name);
}

static void own_rules_look(struct walk *walk) {
    if (own_table_is_there(walk)) {
        walk_fine(walk, "rules", "hoy's own table of nftables is there");
        return port_rule_look(walk);
    }
    walk_say(walk, walk->run.count ? NETWORK_STEP_ENDS : NETWORK_STEP_NOTE, "rules",
             "hoy's own table of nftables is not there: somebody flushed all rules");
    walk_advise(walk,
                "hoy ps: any other command of hoy's puts its rules back; hoyd does so at once, whenever "
                "somebody flushes them (systemctl enable --now hoyd)");
}

// By an interface that shares a parent's link: out of it, or into it from outside.
static bool goes_beside(struct walk *walk) {
    const struct why_interface *interface = NULL;
    if (walk->from.kind == WHY_CONTAINER)
        interface = sender_interface(walk);
    else if (walk->from.kind == WHY_OUTSIDE && walk->to.kind == WHY_CONTAINER)
        interface = side_interface_with(&walk->to, &walk->target);
    return interface && interface_is_child(interface);
}

void rules_look(struct walk *walk) {
    char name[160];
    bool containers = walk->from.kind == WHY_CONTAINER || walk->to.kind == WHY_CONTAINER || walk->published;
    if (stays_inside(walk)) return;
    if (goes_beside(walk))
        return walk_fine(walk, "firewall",
                         "between that interface and its parent's link no rule of the host is asked");
    if (containers) own_rules_look(walk);
    bool bridged = stays_on_bridge(walk) && !bridges_are_filtered();
    size_t count = 0;
    for (size_t i = 0; i < walk->firewall.count; i++) {
        const struct nft_look_chain *chain = &walk->firewall.chains[i];
        if (!concerns(walk, chain)) continue;
        count++;
        if (leads_around(walk, chain)) continue;
        walk_note(walk, "firewall", "chain %s of the host (%s) %s", nft_look_name(chain, name),
                  *chain->device ? chain->device : hook_word(chain->hook),
                  chain->policy_drops ? "drops what none of its rules accepts"
                                      : "has rules that drop or reject");
    }
    if (!bridged) count += legacy_look(walk, hook_of(walk), hook_word(hook_of(walk)));
    if (!count && bridged)
        walk_fine(walk, "firewall", "on one bridge no firewall is asked");
    else if (!count)
        walk_fine(walk, "firewall", "no chain of the host's at %s drops anything", hook_word(hook_of(walk)));
}

// The way out

static void open_by_ufw(struct walk *walk, uint32_t hook, const char *bridge) {
    if (hook == NF_INET_FORWARD && walk->from.kind == WHY_CONTAINER)
        return walk_advise(walk, "ufw route allow in on %s", bridge);
    if (hook == NF_INET_FORWARD) return walk_advise(walk, "ufw route allow out on %s", bridge);
    if (hook == NF_INET_LOCAL_OUT)
        return walk_advise(walk, "ufw allow out to %s", address_text(walk->arena, &walk->target));
    if (walk->from.kind != WHY_CONTAINER) bridge = "any interface";
    if (walk->port && walk->from.kind == WHY_CONTAINER)
        return walk_advise(walk, "ufw allow in on %s to any port %u proto %s", bridge, walk->port,
                           protocol_word(walk));
    if (walk->port) return walk_advise(walk, "ufw allow %u/%s", walk->port, protocol_word(walk));
    walk_advise(walk, "ufw allow in on %s", bridge);
}

static void open_by_nft(struct walk *walk, const struct nft_look_chain *chain, const char *bridge) {
    char name[160];
    if (chain->hook != NF_INET_FORWARD && walk->port)
        return walk_advise(walk, "nft insert rule %s %s dport %u accept", nft_look_name(chain, name),
                           protocol_word(walk), walk->port);
    if (chain->hook == NF_INET_LOCAL_OUT)
        return walk_advise(walk, "nft insert rule %s %s daddr %s accept", nft_look_name(chain, name),
                           walk->target.family == AF_INET ? "ip" : "ip6",
                           address_text(walk->arena, &walk->target));
    walk_advise(walk, "nft insert rule %s iifname %s accept", nft_look_name(chain, name), bridge);
    if (chain->hook == NF_INET_FORWARD)
        walk_advise(walk, "nft insert rule %s oifname %s accept", nft_look_name(chain, name), bridge);
}

static void open_chain(struct walk *walk, const struct nft_look_chain *chain) {
    const char *bridge = walk->bridge ? walk->bridge : "hoy0";
    if (str_eq(chain->table, "firewalld")) {
        walk_advise(walk, "firewall-cmd --zone=trusted --add-interface=%s (and the same with --permanent)",
                    bridge);
        if (chain->hook == NF_INET_LOCAL_IN && walk->port && walk->from.kind != WHY_CONTAINER)
            walk_advise(walk, "firewall-cmd --add-port=%u/%s", walk->port, protocol_word(walk));
        return;
    }
    if (walk->firewall.ufw && str_eq(chain->table, "filter")) return open_by_ufw(walk, chain->hook, bridge);
    if (walk->firewall.docker && chain->hook == NF_INET_FORWARD && str_eq(chain->table, "filter")) {
        const char *program = chain->family == NFPROTO_IPV6 ? "ip6tables" : "iptables";
        walk_advise(walk, "%s -I DOCKER-USER -i %s -j ACCEPT", program, bridge);
        return walk_advise(walk, "%s -I DOCKER-USER -o %s -j ACCEPT", program, bridge);
    }
    open_by_nft(walk, chain, bridge);
}

void inner_firewalls_advise(struct walk *walk) {
    const struct why_side *sides[] = {&walk->from, walk->published ? &walk->behind : &walk->to};
    for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
        if (sides[i]->kind == WHY_CONTAINER)
            walk_advise(walk, "look for a firewall inside the container: hoy exec %s nft list ruleset",
                        sides[i]->container.name);
}

// Between the host and who shares the link of one of its interfaces the kernel lets nothing pass.
static bool parent_explain(struct walk *walk) {
    const struct why_interface *interface = NULL;
    if (walk->from.kind == WHY_CONTAINER && walk->target_is_host)
        interface = sender_interface(walk);
    else if (walk->from.kind == WHY_HOST && walk->to.kind == WHY_CONTAINER)
        interface = side_interface_with(&walk->to, &walk->target);
    const struct look_link *parent = interface ? interface_parent(walk, interface) : NULL;
    if (!parent) return false;
    walk_ends(walk, "network", "a %s and the host's own addresses at its parent %s do not reach each other",
              interface->own.kind, parent->name);
    walk_advise(walk, "another network, which is a bridge, for what the host and the container have to say");
    return true;
}

// No rule of this host ended it.
static void unanswered_explain(struct walk *walk) {
    if (walk->to.kind == WHY_OUTSIDE) {
        walk_ends(walk, "outside",
                  "it leaves the host by no fault of a rule: it is lost outside, or its "
                  "answer is");
        return walk_advise(walk,
                           "look from the host: what does not answer there either is not hoy's to mend");
    }
    if (parent_explain(walk)) return;
    walk_ends(walk, "container", "no rule of the host's ended it: it is lost behind the bridge");
    inner_firewalls_advise(walk);
}

static void open_own(struct walk *walk) {
    walk_ends(walk, "rules",
              "hoy's own rules drop it, in chain %s: into a network lead only its published ports, and what "
              "belongs to connections out of it",
              walk->drop.chain);
    if (walk->to.kind == WHY_CONTAINER && walk->port)
        walk_advise(walk, "hoy update --publish-add %u:%u %s", walk->port, walk->port, walk->to.text);
}

// The base chain that a table has at the packet's hook, for words about its owner.
static const struct nft_look_chain *base_chain_of(const struct walk *walk,
                                                  const struct nft_trace_drop *drop) {
    const struct nft_look_chain *found = NULL;
    for (size_t i = 0; i < walk->firewall.count; i++) {
        const struct nft_look_chain *chain = &walk->firewall.chains[i];
        if (is_below_ip(chain) || chain->family != drop->family || !str_eq(chain->table, drop->table))
            continue;
        if (str_eq(chain->name, drop->chain)) return chain;
        if (!found || chain->hook == hook_of(walk)) found = chain;
    }
    return found;
}

static void drop_explain(struct walk *walk) {
    const struct nft_trace_drop *drop = &walk->drop;
    struct nft_look_chain chain = {.family = drop->family};
    char name[160];
    snprintf(chain.table, sizeof chain.table, "%s", drop->table);
    snprintf(chain.name, sizeof chain.name, "%s", drop->chain);
    if (nft_look_is_hoys(&chain)) return open_own(walk);
    if (drop->rule) {
        walk_ends(walk, "firewall",
                  "a rule of chain %s of the host ends it (handle %llu): hoy can't overrule it",
                  nft_look_name(&chain, name), (unsigned long long)drop->rule);
        walk_advise(walk, "nft -a list chain %s shows that rule", name);
    } else
        walk_ends(walk, "firewall",
                  "chain %s of the host drops it, since none of its rules accepts it: hoy can't overrule it",
                  nft_look_name(&chain, name));
    const struct nft_look_chain *base = base_chain_of(walk, drop);
    if (base) open_chain(walk, base);
}

void silence_explain(struct walk *walk) {
    char name[160];
    bool found = false;
    bool leaves = walk->from.kind == WHY_CONTAINER && walk->to.kind == WHY_OUTSIDE;
    if (walk->dropped) return drop_explain(walk);
    if (legacy_explain(walk) || way_explain(walk)) return;
    if (leaves && !own_table_is_there(walk))
        return walk_ends(walk, "rules",
                         "without hoy's rules it goes out under the container's own address, to which "
                         "nobody answers");
    for (size_t i = 0; i < walk->firewall.count; i++) {
        const struct nft_look_chain *chain = &walk->firewall.chains[i];
        // The trace begins after what comes in by a device, and sees a bridge only with br_netfilter.
        if (!concerns(walk, chain) || (walk->traced && !is_below_ip(chain))) continue;
        found = true;
        walk_ends(walk, "firewall",
                  "chain %s of the host %s it, as far as can be seen: hoy can't overrule another's chain",
                  nft_look_name(chain, name), chain->policy_drops ? "drops" : "may drop or reject");
        if (is_below_ip(chain))
            walk_advise(walk, "nft -a list chain %s shows its rules", name);
        else
            open_chain(walk, chain);
    }
    if (!found && walk->traced) return unanswered_explain(walk);
    if (!found) inner_firewalls_advise(walk);
    if (!found && walk->to.kind == WHY_OUTSIDE)
        walk_advise(walk, "look from the host: what does not answer there either is not hoy's to mend");
}
