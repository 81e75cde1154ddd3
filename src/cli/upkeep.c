// SPDX-License-Identifier: Apache-2.0
// What nobody types: what a shim executes when its container has ended, or is to be checked; and system
// restore, which the machine's start calls.
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/resolver.h"
#include "network/cni.h"
#include "shim/health_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// To look for the container takes over its exit record, and with that a --rm container goes.
int run_after_exit(struct invocation *invocation, struct engine *engine, const char *id, struct err *err) {
    struct container container;
    if (container_find(engine, &invocation->arena, id, &container, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (str_eq(container.state, "restarting")) return container_start_again(engine, &container, err);
    if (!container.auto_remove || str_eq(container.state, "running")) return 0;
    return container_remove(engine, &container, false, err);
}

// Its standard input is a socket, which holds the container's names: a byte in it says that there are none.
int run_hold_names(struct invocation *invocation, struct engine *engine, const char *id, struct err *err) {
    bool held = false;
    (void)invocation;
    if (names_hold(engine, id, STDIN_FILENO, &held, err)) return -1;
    if (!held) (void)send(STDIN_FILENO, "", 1, MSG_NOSIGNAL);
    return 0;
}

// The two that the shim executes for a container on a network of CNI plugins.
int run_cni_add(struct invocation *invocation, struct err *err) {
    const char *const *words = invocation->arguments.items;
    return cni_add(words[0], (pid_t)strtol(words[1], NULL, 10), err);
}

int run_cni_delete(struct invocation *invocation, struct err *err) {
    return cni_delete(invocation->arguments.items[0], err);
}

// A check that can't be made has failed, and says why.
int run_health_probe(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct container container;
    struct probe_result result = {0};
    int r = container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err);
    if (!r) r = container_probe(engine, &container, &result, err);
    if (r < 0) {
        result.exit_code = HEALTH_NOT_STARTED;
        str_add(&result.output, err->text);
    }
    struct probe_answer answer = {.exit_code = result.exit_code};
    r = fd_write_all(STDOUT_FILENO, &answer, sizeof answer);
    if (!r) r = fd_write_all(STDOUT_FILENO, str_get(&result.output), result.output.len);
    str_finish(&result.output);
    return r ? 1 : 0;
}

// One that can't be started does not keep the others down.
int run_system_restore(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct containers containers;
    int code = 0;
    if (container_list_restorable(engine, &invocation->arena, &containers, err)) return -1;
    for (size_t i = 0; i < containers.count; i++) {
        const struct container *container = &containers.items[i];
        struct start_options options = {0};
        struct err why = {0};
        if (container_start(engine, container, &options, NULL, NULL, &why) == 0) {
            puts(container->name);
            continue;
        }
        // Somebody else was quicker.
        if (why.kind == ERR_CONFLICT) continue;
        err_wrap(&why, "start container %s", container->name);
        cli_print_error(invocation, &why);
        code = 1;
    }
    return code;
}
