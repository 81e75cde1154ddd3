// SPDX-License-Identifier: Apache-2.0
// The walk asks the kernel, not the database: what a container's namespace has, what its interfaces' other
// ends are on the host, what nftables has at the hooks. So it is also right when somebody has changed
// something by hand.
#include "engine/network_why.h"

#include "engine/network_why_parts.h"
#include "engine/pasta.h"

#include "base/fd.h"
#include "base/macro.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void walk_say(struct walk *walk, enum network_step_state state, const char *topic, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct network_step *step = arena_push(walk->arena, walk->why);
    *step = (struct network_step){state, topic, arena_strdup(walk->arena, text)};
}

void walk_advise(struct walk *walk, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!strings_have(&walk->why->advice, text))
        strings_add(walk->arena, &walk->why->advice, arena_strdup(walk->arena, text));
}

bool walk_has_ended(const struct walk *walk) {
    for (size_t i = 0; i < walk->why->count; i++)
        if (walk->why->items[i].state == NETWORK_STEP_ENDS) return true;
    return false;
}

int walk_enter(const struct why_side *side) {
    return side->kind == WHY_CONTAINER && setns(side->netns, CLONE_NEWNET) ? -errno : 0;
}

// It was ours before; if it can't be had again nothing that follows would be true.
void walk_leave(struct walk *walk) {
    if (setns(walk->home, CLONE_NEWNET)) _exit(125);
}

// The words of the command line

// Cuts "/udp" off, then ":PORT". An IPv6 address with a port is in brackets.
static int target_split(struct walk *walk, char *text, struct err *err) {
    char *slash = strrchr(text, '/'), *port = NULL, *colon = strrchr(text, ':');
    uint32_t number = 0;
    if (slash) {
        *slash = '\0';
        walk->udp = str_eq(slash + 1, "udp");
        if (!walk->udp && !str_eq(slash + 1, "tcp"))
            return err_set(err, ERR_INVALID, 0, "protocol %s can't be followed: tcp and udp can", slash + 1);
    }
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end) return err_set(err, ERR_INVALID, 0, "%s has no ]", text);
        *end = '\0';
        port = end[1] == ':' ? end + 2 : NULL;
        if (end[1] && !port)
            return err_set(err, ERR_INVALID, 0, "%s] has something else than :PORT behind it", text);
        memmove(text, text + 1, strlen(text));
    } else if (colon && strchr(text, ':') == colon) {
        *colon = '\0';
        port = colon + 1;
    }
    if (port && (parse_u32(port, &number) || !number || number > UINT16_MAX))
        return err_set(err, ERR_INVALID, 0, "%s is no port", *port ? port : "nothing");
    walk->port = (uint16_t)number;
    if (walk->udp && !walk->port) return err_set(err, ERR_INVALID, 0, "/udp needs a port: %s:PORT/udp", text);
    return *text ? 0
                 : err_set(err, ERR_INVALID, 0, "it is not said where to: CONTAINER, host, or an address");
}

static int link_add(const struct look_link *link, void *data) {
    struct walk *walk = data;
    *arena_push(walk->arena, &walk->links) = *link;
    return 0;
}

static int host_look(struct walk *walk, struct err *err) {
    walk->home = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (walk->home < 0) return err_set(err, ERR_SYSTEM, -walk->home, "open /proc/self/ns/net");
    int r = look_links(link_add, walk);
    if (r) return err_set(err, ERR_SYSTEM, -r, "list the host's interfaces");
    r = nft_look(&walk->firewall);
    return r ? err_set(err, ERR_SYSTEM, -r, "list the rules of nftables") : 0;
}

static int walk_go(struct walk *walk, const char *from, const char *to, struct err *err) {
    char *target = arena_strdup(walk->arena, to);
    if (target_split(walk, target, err) || host_look(walk, err) || side_find(walk, &walk->from, from, err) ||
        side_find(walk, &walk->to, target, err))
        return -1;
    if (walk->from.kind == WHY_OUTSIDE && walk->to.kind == WHY_OUTSIDE)
        return err_set(err, ERR_INVALID, 0, "neither %s nor %s is a container or the host", from, target);
    if (walk_has_ended(walk)) return 0;
    if (target_find(walk, err)) return -1;
    if (walk_has_ended(walk)) return 0;
    if (port_look(walk, err)) return -1;
    static void (*const steps[])(struct walk *) = {route_look, bridge_look,   arrival_look,
                                                   rules_look, listener_look, packet_try};
    for (size_t i = 0; i < ARRAY_SIZE(steps) && !walk_has_ended(walk); i++) steps[i](walk);
    return 0;
}

static void walk_finish(struct walk *walk) {
    fd_closep(&walk->home);
    side_finish(&walk->from);
    side_finish(&walk->to);
    side_finish(&walk->behind);
}

int network_why(struct engine *engine, struct arena *arena, const char *from, const char *to,
                struct network_why *ret_why, struct err *err) {
    struct network_why why = {0};
    _cleanup_(walk_finish) struct walk walk = {.engine = engine,
                                               .arena = arena,
                                               .why = &why,
                                               .home = -1,
                                               .from.netns = -1,
                                               .to.netns = -1,
                                               .behind.netns = -1};
    if (pasta_refuse_networks(engine, "network why", err) || walk_go(&walk, from, to, err)) return -1;
    why.through = !walk_has_ended(&walk);
    *ret_why = why;
    return 0;
}
