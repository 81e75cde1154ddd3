// SPDX-License-Identifier: Apache-2.0
#include "shim/event.h"

#include "base/clock.h"
#include "base/event_log.h"
#include "base/fd.h"

#include <stdio.h>
#include <string.h>

static void append(const struct plan_block *plan, int state, const char *action,
                   const struct shim_attribute *attributes, const char *cause) {
    char numbers[2][64] = {"", ""}, tail[2 * sizeof numbers + PLAN_NAME_SIZE + 128];
    const char *head = plan_text(plan, plan->event), *before = *cause ? ",\"Cause\":" : "";
    int64_t now_ns = clock_wall_ns();
    if (!*head || state < 0) return;
    for (int i = 0; i < 2 && attributes && attributes[i].key; i++)
        snprintf(numbers[i], sizeof numbers[i], "\"%s\":\"%d\",", attributes[i].key, attributes[i].value);
    int n = snprintf(tail, sizeof tail,
                     ",%s%s\"name\":\"%.*s\"}},\"Action\":\"%s\",\"time\":%lld,\"timeNano\":%lld", numbers[0],
                     numbers[1], PLAN_NAME_SIZE - 1, plan_text(plan, plan->name), action,
                     (long long)(now_ns / 1000000000), (long long)now_ns);
    _cleanup_(fd_closep) int root = fd_open_at(state, plan->is_exec ? "." : "../..", O_PATH | O_DIRECTORY, 0);
    struct iovec parts[] = {{(char *)head, strlen(head)},
                            {tail, (size_t)n},
                            {(char *)before, strlen(before)},
                            {(char *)cause, strlen(cause)},
                            {(char *)"}\n", 2}};
    if (root >= 0) (void)event_log_append(root, parts, ARRAY_SIZE(parts));
}

void shim_event(const struct plan_block *plan, int state, const char *action,
                const struct shim_attribute attributes[2]) {
    append(plan, state, action, attributes, "");
}

void shim_event_end(const struct plan_block *plan, int state, const char *action, int status,
                    const char *cause) {
    const struct shim_attribute attributes[2] = {{"exitCode", status}};
    append(plan, state, action, attributes, cause);
}
