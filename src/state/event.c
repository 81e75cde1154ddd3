// SPDX-License-Identifier: Apache-2.0
#include "state/event.h"

#include "base/clock.h"
#include "base/event_log.h"

#include <stdarg.h>

void event_begin(struct event *event, const char *type, const char *id) {
    *event = (struct event){0};
    struct json_writer *w = &event->w;
    json_begin_object(w, NULL);
    json_put_string(w, "Type", type);
    json_put_string(w, "scope", "local");
    json_begin_object(w, "Actor");
    json_put_string(w, "ID", id);
    json_begin_object(w, "Attributes");
}

void event_attribute(struct event *event, const char *key, const char *value) {
    json_put_string(&event->w, key, value ? value : "");
}

void event_end(struct event *event, int root, const char *action) {
    struct json_writer *w = &event->w;
    int64_t now_ns = clock_wall_ns();
    json_end_object(w);
    json_end_object(w);
    json_put_string(w, "Action", action);
    json_put_i64(w, "time", now_ns / 1000000000);
    json_put_i64(w, "timeNano", now_ns);
    json_end_object(w);
    str_add_char(&w->text, '\n');
    struct iovec line = {(char *)str_get(&w->text), w->text.len};
    (void)event_log_append(root, &line, 1);
    json_writer_finish(w);
}

void event_write(int root, const char *type, const char *action, const char *id, ...) {
    struct event event;
    va_list list;
    event_begin(&event, type, id);
    va_start(list, id);
    for (const char *key; (key = va_arg(list, const char *));)
        event_attribute(&event, key, va_arg(list, const char *));
    va_end(list);
    event_end(&event, root, action);
}
