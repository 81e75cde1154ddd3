// SPDX-License-Identifier: Apache-2.0
// Events of containers. What the container's process does is told by its shim, which gets the beginning of
// its lines with the plan.
#include "state/event.h"

#include "engine/parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// The labels, and what Docker adds to them; without the name, which may change.
static void begin(struct event *event, const struct container *container) {
    event_begin(event, "container", container->id);
    for (size_t i = 0; i < container->config.labels.count; i++)
        event_attribute(event, container->config.labels.items[i].key,
                        container->config.labels.items[i].value);
    event_attribute(event, "image", container->image_name);
}

void container_event(struct engine *engine, const struct container *container, const char *action, ...) {
    struct event event;
    va_list list;
    begin(&event, container);
    va_start(list, action);
    for (const char *key; (key = va_arg(list, const char *));)
        event_attribute(&event, key, va_arg(list, const char *));
    va_end(list);
    event_attribute(&event, "name", container->name);
    event_end(&event, engine->store.root_fd, action);
}

void container_event_plan(const struct container *container, const char *exec_id, struct plan *plan) {
    char name[PLAN_NAME_SIZE] = "";
    struct event event;
    begin(&event, container);
    if (exec_id) event_attribute(&event, "execID", exec_id);
    plan->head.event = plan_string(plan, str_get(&event.w.text));
    json_writer_finish(&event.w);
    snprintf(name, sizeof name, "%s", container->name);
    plan->head.name = plan_bytes(plan, name, sizeof name).at;
}

void container_event_rename(struct engine *engine, const char *id, const char *name) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct err ignored;
    if (container_plan_map(engine, id, &plan, &ignored) || !plan->name) return;
    snprintf((char *)plan_text(plan, plan->name), PLAN_NAME_SIZE, "%s", name);
}
