// SPDX-License-Identifier: Apache-2.0
// hoy-systemd: asks systemd for a container's cgroup. A program of its own, since libsystemd has no static
// library and hoy's programs would start more slowly with a dynamic one.
//
//   hoy-systemd [--user BUS] start UNIT SLICE PID|- [--property NAME VALUE]…
//   hoy-systemd [--user BUS] stop UNIT
//   hoy-systemd [--user BUS] set UNIT [--property NAME VALUE]…
//
// BUS is the address of a user's bus: who calls may have no environment to say it. start makes a scope and
// prints its cgroup. A scope begins with a process; with "-" that is this program itself, which then stays
// until its standard input ends: long enough for another to be born in there. VALUE is GVariant's text form.
// What goes wrong is a sentence on standard error, and status 1.
#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "systemd/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct request {
    const char *user_bus; // NULL: the system's
    const char *command, *unit, *slice, *pid;
    struct unit_property *items;
    size_t count;
};

static const char usage[] = "usage: hoy-systemd [--user BUS] start UNIT SLICE PID|- | stop UNIT | set UNIT  "
                            "[--property NAME VALUE]...";

static void bus_closep(sd_bus **bus) {
    sd_bus_flush_close_unref(*bus);
}

static int parse(char **argv, struct arena *arena, struct request *request, struct err *err) {
    const char **words[] = {&request->command, &request->unit, &request->slice, &request->pid};
    size_t n = 0;
    for (char **word = argv + 1; *word; word++) {
        if (strcmp(*word, "--user") == 0 && word[1]) {
            request->user_bus = *++word;
        } else if (strcmp(*word, "--property") == 0 && word[1] && word[2]) {
            *arena_push(arena, request) = (struct unit_property){word[1], word[2]};
            word += 2;
        } else if (**word == '-' && word[0][1]) {
            return err_set(err, ERR_INVALID, 0, "%s", usage);
        } else if (n < ARRAY_SIZE(words)) {
            *words[n++] = *word;
        }
    }
    bool start = strcmp(request->command, "start") == 0;
    return n == (start ? 4 : 2) ? 0 : err_set(err, ERR_INVALID, 0, "%s", usage);
}

static int start(sd_bus *bus, const struct request *request, struct err *err) {
    const struct unit_properties properties = {request->items, request->count};
    _cleanup_(freep) char *group = NULL;
    bool self = strcmp(request->pid, "-") == 0;
    uint32_t pid = (uint32_t)getpid();
    if (!self && parse_u32(request->pid, &pid) < 0)
        return err_set(err, ERR_INVALID, 0, "\"%s\" is no pid", request->pid);
    if (unit_start(bus, request->unit, request->slice, pid, &properties, &group, err) < 0) return -1;
    printf("%s\n", group);
    fflush(stdout);
    char byte;
    while (self && read(STDIN_FILENO, &byte, 1) > 0) continue;
    return 0;
}

static int run(char **argv, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(bus_closep) sd_bus *bus = NULL;
    struct request request = {.command = "", .unit = "", .slice = "", .pid = ""};
    if (parse(argv, &arena, &request, err) < 0 || unit_connect(request.user_bus, &bus, err) < 0) return -1;
    const struct unit_properties properties = {request.items, request.count};
    if (strcmp(request.command, "start") == 0) return start(bus, &request, err);
    if (strcmp(request.command, "stop") == 0) return unit_stop(bus, request.unit, err);
    if (strcmp(request.command, "set") == 0) return unit_set(bus, request.unit, &properties, err);
    return err_set(err, ERR_INVALID, 0, "%s", usage);
}

int main(int argc, char **argv) {
    struct err err = {0};
    (void)argc;
    fd_ensure_standard();
    if (run(argv, &err) == 0) return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
