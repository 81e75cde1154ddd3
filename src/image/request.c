// SPDX-License-Identifier: Apache-2.0
#include "image/request.h"

#include "registry/settings.h"

#include <string.h>

int request_put_endpoints(struct json_writer *w, struct arena *arena, const struct reference *reference,
                          struct err *err) {
    struct endpoints endpoints;
    if (settings_endpoints(arena, "/etc", reference, &endpoints, err)) return -1;
    json_begin_array(w, "endpoints");
    for (size_t i = 0; i < endpoints.count; i++) {
        struct endpoint *e = &endpoints.items[i];
        if (credentials_load(arena, e->domain, &e->credentials, err)) return -1;
        endpoint_put(w, NULL, e);
    }
    json_end_array(w);
    return 0;
}

void request_wipe(struct json_writer *w) {
    if (w->text.data) explicit_bzero(w->text.data, w->text.len);
    json_writer_finish(w);
}
