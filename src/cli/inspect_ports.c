// SPDX-License-Identifier: Apache-2.0
// NetworkSettings.Ports of a container: a key for each of its ports, with what of the host's leads there, or
// null.
#include "base/str.h"
#include "cli/inspect.h"
#include "engine/config_ports.h"

#include <stdio.h>

static void write_port(const struct port_runs *runs, size_t index, uint16_t port, struct json_writer *w) {
    char text[24];
    uint8_t protocol = runs->items[index].protocol;
    snprintf(text, sizeof text, "%u/%s", port, port_protocol_name(protocol));
    json_begin_array(w, text);
    for (size_t i = index; i < runs->count; i++) {
        const struct port_run *run = &runs->items[i];
        if (!port_run_has(run, protocol, port)) continue;
        snprintf(text, sizeof text, "%u", (unsigned)run->host_port + port - run->port);
        json_begin_object(w, NULL);
        json_put_string(w, "HostIp", run->host);
        json_put_string(w, "HostPort", text);
        json_end_object(w);
    }
    json_end_array(w);
}

int inspect_ports(struct engine *engine, struct arena *arena, const struct container *container,
                  struct json_writer *w, struct err *err) {
    const struct strings *exposed = &container->config.exposed_ports;
    struct port_runs runs;
    if (container_ports(engine, arena, container, &runs, err)) return -1;
    json_begin_object(w, "Ports");
    for (size_t i = 0; i < runs.count; i++)
        for (uint32_t k = 0; k < runs.items[i].count; k++) {
            uint16_t port = (uint16_t)(runs.items[i].port + k);
            const struct port_runs before = {runs.items, i};
            if (!port_runs_have(&before, runs.items[i].protocol, port)) write_port(&runs, i, port, w);
        }
    for (size_t i = 0; str_eq(container->state, "running") && i < exposed->count; i++) {
        uint16_t port;
        uint8_t protocol;
        if (!port_parse(exposed->items[i], &port, &protocol) && !port_runs_have(&runs, protocol, port))
            json_put_null(w, exposed->items[i]);
    }
    json_end_object(w);
    return 0;
}
