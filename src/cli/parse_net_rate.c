// SPDX-License-Identifier: Apache-2.0
// --net-rate. Rates are written as tc(8) has them: a number alone is bits a second, "bit" and "bps" (bytes a
// second) come with k, m, g or t, which are powers of 1000, or ki, mi, gi or ti, which are powers of 1024.
#include "base/arena.h"
#include "base/macro.h"
#include "base/str.h"
#include "cli/parse_value.h"
#include "engine/config.h"
#include "kernel/link.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RATE_MIN 8000             // bits a second: a full packet takes one and a half seconds then
#define RATE_MAX 1000000000000000 // a thousand terabits

static int no_rate(const char *text, struct err *err) {
    return err_set(err, ERR_INVALID, 0,
                   "\"%s\" is no rate: it is a number and a unit, as in 10mbit or 512kbit (bits), 1.5mbps "
                   "(bytes), 0 for no limit",
                   text);
}

// The bits in one of the unit, or 0.
static uint64_t unit_bits(const char *unit) {
    static const char letters[] = "kmgt";
    uint64_t scale = 1;
    const char *letter = *unit ? strchr(letters, *unit | 0x20) : NULL;
    if (letter) {
        bool binary = (unit[1] | 0x20) == 'i';
        for (long i = 0; i <= letter - letters; i++) scale *= binary ? 1024 : 1000;
        unit += binary ? 2 : 1;
    }
    if (!*unit || !strcasecmp(unit, "bit")) return scale;
    return strcasecmp(unit, "bps") ? 0 : scale * 8;
}

static int parse_rate(const char *text, struct spec_u64 *ret_rate, struct err *err) {
    size_t whole = strspn(text, "0123456789"), length = whole, decimals = 0;
    if (text[whole] == '.') decimals = strspn(text + whole + 1, "0123456789");
    if (decimals) length += 1 + decimals;
    uint64_t unit = unit_bits(text + length);
    if (!length || !unit) return no_rate(text, err);
    double bits = strtod(text, NULL) * (double)unit; // decimal digits alone: no locale has a say in it
    if (bits != 0 && (bits < RATE_MIN || bits > RATE_MAX))
        return err_set(err, ERR_INVALID, 0, "a rate of %s: it has to be 8kbit at least%s", text,
                       bits > RATE_MAX ? ", and 1000tbit at most" : ", or 0 for no limit");
    *ret_rate = (struct spec_u64){.set = true, .value = (uint64_t)(bits + 0.5)};
    return 0;
}

// tc's MAJOR:MINOR in hexadecimal, or one number, as net_cls.classid has it.
static int parse_class(const char *text, struct spec_u64 *ret_class, struct err *err) {
    char *end;
    unsigned long long major = 0, id = strtoull(text, &end, strchr(text, ':') ? 16 : 0);
    if (*end == ':') {
        major = id;
        const char *minor = end + 1;
        id = strtoull(minor, &end, 16);
        if (end == minor || id > 0xffff || major > 0xffff) major = id = UINT32_MAX + 1ull;
        id |= major << 16;
    }
    if (*text < '0' || *text > '9' || *end || !id || id > UINT32_MAX)
        return err_set(err, ERR_INVALID, 0, "class=%s is no class: it is a number as 0x10001, or 1:1", text);
    *ret_class = (struct spec_u64){.set = true, .value = id};
    return 0;
}

static int parse_priority(struct parse *parse, const char *text, struct net_rate *rate, struct err *err) {
    char *end = NULL;
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    unsigned long priority = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!length || length >= LINK_NAME_SIZE || colon[1] < '0' || colon[1] > '9' || *end ||
        priority > UINT32_MAX || memchr(text, '/', length) || memchr(text, ' ', length))
        return err_set(err, ERR_INVALID, 0,
                       "priority=%s is an interface of the host's and a number, as in priority=eth0:5", text);
    *arena_push(parse->arena, &rate->priorities) = (struct spec_network_priority){
        .name = arena_strndup(parse->arena, text, length), .priority = (uint32_t)priority};
    return 0;
}

static int parse_item(struct parse *parse, char *item, struct net_rate *rate, struct err *err) {
    char *value = strchr(item, '=');
    if (value) *value++ = '\0';
    if (value && str_eq(item, "in")) return parse_rate(value, &rate->in, err);
    if (value && str_eq(item, "out")) return parse_rate(value, &rate->out, err);
    if (value && str_eq(item, "class")) return parse_class(value, &rate->class_id, err);
    if (value && str_eq(item, "priority")) return parse_priority(parse, value, rate, err);
    return err_set(err, ERR_INVALID, 0, "\"%s\" is none of in=RATE, out=RATE, class=ID, priority=INTERFACE:N",
                   item);
}

int store_net_rate(struct parse *parse, const char *text, void *field, struct err *err) {
    _cleanup_(freep) char *copy = xstrdup(text);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ","));)
        if (parse_item(parse, item, field, err)) return -1;
    return 0;
}
