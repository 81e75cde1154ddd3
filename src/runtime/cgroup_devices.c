// SPDX-License-Identifier: Apache-2.0
// linux.resources.devices. A container begins with no device at all; then come the spec's rules in their
// order, then the nodes that every container has, which no spec needs to name (config-linux.md, "Default
// Devices"). On v1 each rule is a line for the kernel, on v2 all of them are one program.
#include "kernel/bpf_device.h"
#include "runtime/cgroup_plan.h"

#include <inttypes.h>
#include <string.h>

static const struct spec_device_rule default_rules[] = {
    {true, 'c', -1, -1, "m"},    // making a node is not opening it
    {true, 'b', -1, -1, "m"},    //
    {true, 'c', 1, 3, "rwm"},    // null
    {true, 'c', 1, 5, "rwm"},    // zero
    {true, 'c', 1, 7, "rwm"},    // full
    {true, 'c', 1, 8, "rwm"},    // random
    {true, 'c', 1, 9, "rwm"},    // urandom
    {true, 'c', 5, 0, "rwm"},    // tty
    {true, 'c', 5, 2, "rwm"},    // ptmx
    {true, 'c', 136, -1, "rwm"}, // pts
};

struct rules {
    struct spec_device_rule *items;
    size_t count;
    bool allow; // what holds before the first
};

static bool same_rule(const struct spec_device_rule *a, const struct spec_device_rule *b) {
    return a->allow == b->allow && a->type == b->type && a->major == b->major && a->minor == b->minor &&
           strcmp(a->access, b->access) == 0;
}

static bool is_everything(const struct spec_device_rule *rule) {
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && strchr(rule->access, 'r') &&
           strchr(rule->access, 'w') && strchr(rule->access, 'm');
}

static void add_rule(struct arena *arena, struct rules *rules, const struct spec_device_rule *rule) {
    for (size_t i = 0; i < rules->count; i++) {
        if (same_rule(&rules->items[i], rule) && i + 1 == rules->count) return;
    }
    *arena_push(arena, rules) = *rule;
}

// A rule for everything makes those before it void.
static void collect(const struct cgroup_plan *c, struct rules *rules) {
    for (size_t i = 0; i < c->spec->resources.devices.count; i++) {
        const struct spec_device_rule *rule = &c->spec->resources.devices.items[i];
        if (is_everything(rule))
            *rules = (struct rules){.allow = rule->allow};
        else
            add_rule(c->arena, rules, rule);
    }
    for (size_t i = 0; i < ARRAY_SIZE(default_rules) && !rules->allow; i++) {
        bool there = false;
        for (size_t j = 0; j < rules->count; j++)
            there = there || same_rule(&rules->items[j], &default_rules[i]);
        if (!there) *arena_push(c->arena, rules) = default_rules[i];
    }
}

static const char *number_or_any(struct arena *arena, int64_t number) {
    return number < 0 ? "*" : arena_printf(arena, "%" PRId64, number);
}

// v1 has no word for "either kind" but the one for everything.
static void write_v1(const struct cgroup_plan *c, const char *folder, const struct spec_device_rule *rule,
                     const char *why) {
    for (const char *type = rule->type == 'a' ? "cb" : rule->type == 'c' ? "c" : "b"; *type; type++) {
        const char *line = arena_printf(c->arena, "%c %s:%s %s", *type, number_or_any(c->arena, rule->major),
                                        number_or_any(c->arena, rule->minor), rule->access);
        cgroup_plan_write(c, folder, rule->allow ? "devices.allow" : "devices.deny", line, why, false);
    }
}

static void plan_v1(const struct cgroup_plan *c, const struct cgroup_hierarchy *h, const struct rules *rules,
                    const char *why) {
    const char *folder = cgroup_folder(c, h);
    // A new group may do what the one above it may, which is the most that there is to have.
    if (!rules->allow) cgroup_plan_write(c, folder, "devices.deny", "a", why, false);
    if (rules->allow && c->groups) cgroup_plan_write(c, folder, "devices.allow", "a", why, false);
    for (size_t i = 0; i < rules->count; i++) write_v1(c, folder, &rules->items[i], why);
}

static void plan_v2(const struct cgroup_plan *c, const struct cgroup_hierarchy *h, const struct rules *rules,
                    const char *why) {
    struct bpf_device_rule *items = arena_array(c->arena, struct bpf_device_rule, rules->count);
    struct bpf_insn *program = arena_array(c->arena, struct bpf_insn, BPF_DEVICE_INSTRUCTIONS(rules->count));
    for (size_t i = 0; i < rules->count; i++) {
        const struct spec_device_rule *rule = &rules->items[i];
        items[i] = (struct bpf_device_rule){rule->allow, rule->type, rule->major, rule->minor, rule->access};
    }
    size_t count = bpf_device_compile(items, rules->count, rules->allow, program);
    plan_str path = plan_string(c->plan, cgroup_folder(c, h));
    struct plan_blob blob = plan_bytes(c->plan, program, count * sizeof *program);
    struct plan_op *op = plan_add(c->plan, PLAN_CGROUP_DEVICES, why);
    op->bpf.path = path;
    op->bpf.program = blob;
}

int cgroup_plan_devices(const struct cgroup_plan *c) {
    struct rules rules = {.allow = false};
    // Who is not root can't be given a device that he may not open anyway.
    if (c->whole) return 0;
    const char *why = spec_why(c->spec, "linux.resources.devices",
                               c->spec->resources.devices.count ? "linux.resources.devices" : "default");
    collect(c, &rules);
    // A new group has no rules; one that has them needs others for everything.
    if (rules.allow && !rules.count && !c->groups) return 0;
    const struct cgroup_hierarchy *v1 = cgroup_with(c->layout, CGROUP_DEVICES);
    if (v1) {
        plan_v1(c, v1, &rules, why);
        return 0;
    }
    for (size_t i = 0; i < c->layout->count; i++) {
        if (!c->layout->items[i].v2) continue;
        plan_v2(c, &c->layout->items[i], &rules, why);
        return 0;
    }
    return err_set(c->err, ERR_INVALID, 0, "%s: this host has neither cgroup v2 nor v1's devices controller",
                   why);
}
