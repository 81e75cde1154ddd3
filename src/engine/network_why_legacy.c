// SPDX-License-Identifier: Apache-2.0
// The old iptables: the kernel's trace of nftables sees nothing of it, but each of its rules counts the
// packets that it took. A rule that drops and whose count went up during the try is the one.
#include "engine/network_why_parts.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

static int drop_add(const struct xt_look_drop *drop, void *data) {
    struct walk *walk = data;
    *arena_push(walk->arena, &walk->legacy) = *drop;
    return 0;
}

static const char *program_of(const struct xt_look_drop *drop) {
    return drop->family == AF_INET6 ? "ip6tables-legacy" : "iptables-legacy";
}

static const char *chain_name(const struct xt_look_drop *drop, char buffer[static 128]) {
    snprintf(buffer, 128, "%s of table %s (%s)", drop->chain, drop->table, program_of(drop));
    return buffer;
}

size_t legacy_look(struct walk *walk, uint32_t hook, const char *hook_word) {
    char name[128];
    size_t rules = 0, policies = 0;
    int r = xt_look(walk->target.family, drop_add, walk);
    if (r)
        walk_note(walk, "firewall", "the host's rules of the old iptables can't be read (%s): %s",
                  strerror(-r), "iptables-legacy-save shows them");
    for (size_t i = 0; i < walk->legacy.count; i++) {
        const struct xt_look_drop *drop = &walk->legacy.items[i];
        if (drop->rule) rules++;
        if (drop->rule || drop->hook != hook) continue;
        policies++;
        walk_note(walk, "firewall", "chain %s of the host (%s) drops what none of its rules accepts",
                  chain_name(drop, name), hook_word);
    }
    if (rules)
        walk_note(walk, "firewall", "the host has %zu rule%s of the old iptables that drop%s or reject%s",
                  rules, rules == 1 ? "" : "s", rules == 1 ? "s" : "", rules == 1 ? "s" : "");
    return rules + policies + (r ? 1 : 0);
}

// The same rule before the try: by its place, since it has no other name.
static bool counts_more(const struct walk *walk, const struct xt_look_drop *now) {
    for (size_t i = 0; i < walk->legacy.count; i++) {
        const struct xt_look_drop *before = &walk->legacy.items[i];
        if (str_eq(before->table, now->table) && str_eq(before->chain, now->chain) &&
            before->rule == now->rule)
            return now->packets > before->packets;
    }
    return false;
}

struct search {
    const struct walk *walk;
    struct xt_look_drop found;
    bool any;
};

static int drop_compare(const struct xt_look_drop *drop, void *data) {
    struct search *search = data;
    if (search->any || !counts_more(search->walk, drop)) return 0;
    search->found = *drop;
    search->any = true;
    return 0;
}

static void open_chain(struct walk *walk, const struct xt_look_drop *drop) {
    const char *program = program_of(drop), *bridge = walk->bridge ? walk->bridge : "hoy0";
    walk_advise(walk, "%s -t %s -L %s -v -n --line-numbers shows its rules and what they count", program,
                drop->table, drop->chain);
    if (drop->hook == NF_INET_LOCAL_OUT)
        return walk_advise(walk, "%s -I OUTPUT -d %s -j ACCEPT", program,
                           address_text(walk->arena, &walk->target));
    if (drop->hook == NF_INET_LOCAL_IN && walk->port)
        return walk_advise(walk, "%s -I INPUT -p %s --dport %u -j ACCEPT", program, protocol_word(walk),
                           walk->port);
    if (drop->hook != NF_INET_FORWARD) return;
    walk_advise(walk, "%s -I FORWARD -i %s -j ACCEPT", program, bridge);
    walk_advise(walk, "%s -I FORWARD -o %s -j ACCEPT", program, bridge);
}

bool legacy_explain(struct walk *walk) {
    struct search search = {.walk = walk};
    const struct xt_look_drop *drop = &search.found;
    char name[128];
    if (xt_look(walk->target.family, drop_compare, &search) || !search.any) return false;
    if (drop->rule)
        walk_ends(walk, "firewall",
                  "rule %u of chain %s of the host ends it, as its counter tells: hoy can't overrule it",
                  drop->rule, chain_name(drop, name));
    else
        walk_ends(
            walk, "firewall",
            "chain %s of the host drops it, since none of its rules accepts it, as its counter tells: hoy "
            "can't overrule it",
            chain_name(drop, name));
    open_chain(walk, drop);
    return true;
}
