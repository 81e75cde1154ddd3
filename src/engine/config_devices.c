// SPDX-License-Identifier: Apache-2.0
#include "engine/config_devices.h"
#include "base/json_strings.h"

void config_devices_write(const struct container_config *config, const char *key, struct json_writer *w) {
    json_begin_array(w, key);
    for (size_t i = 0; i < config->devices.count; i++) {
        const struct container_device *device = &config->devices.items[i];
        json_begin_object(w, NULL);
        json_put_string(w, "PathOnHost", device->source);
        json_put_string(w, "PathInContainer", device->target);
        json_put_string(w, "CgroupPermissions", device->permissions);
        json_end_object(w);
    }
    json_end_array(w);
}

int config_devices_read(struct arena *arena, const struct json *json, struct container_config *config) {
    for (size_t i = 0; i < json_length(json); i++) {
        const struct json *item = json_at(json, i);
        struct container_device device = {
            .source = arena_strdup(arena, json_get_string(item, "PathOnHost")),
            .target = arena_strdup(arena, json_get_string(item, "PathInContainer")),
            .permissions = arena_strdup(arena, json_get_string(item, "CgroupPermissions")),
        };
        if (!device.source || !device.target || !device.permissions) return -1;
        *arena_push(arena, &config->devices) = device;
    }
    return json_is_array(json) ? 0 : -1;
}

// Docker's Capabilities are a list of lists: any of them will do. The flags give one.
void config_requests_write(const struct container_config *config, const char *key, struct json_writer *w) {
    if (!config->device_requests.count) return json_put_null(w, key);
    json_begin_array(w, key);
    for (size_t i = 0; i < config->device_requests.count; i++) {
        const struct device_request *request = &config->device_requests.items[i];
        json_begin_object(w, NULL);
        json_put_string(w, "Driver", request->driver);
        json_put_i64(w, "Count", request->count);
        if (request->ids.count)
            json_put_strings(w, "DeviceIDs", &request->ids);
        else
            json_put_null(w, "DeviceIDs");
        json_begin_array(w, "Capabilities");
        if (request->capabilities.count) json_put_strings(w, NULL, &request->capabilities);
        json_end_array(w);
        json_put_raw(w, "Options", "{}");
        json_end_object(w);
    }
    json_end_array(w);
}

int config_requests_read(struct arena *arena, const struct json *json, struct container_config *config) {
    for (size_t i = 0; i < json_length(json); i++) {
        const struct json *item = json_at(json, i);
        struct device_request *request = arena_push(arena, &config->device_requests);
        request->driver = arena_strdup(arena, json_get_string(item, "Driver"));
        if (!request->driver || json_i64(json_get(item, "Count"), &request->count) ||
            json_strings(arena, json_get(item, "DeviceIDs"), &request->ids) ||
            json_strings(arena, json_at(json_get(item, "Capabilities"), 0), &request->capabilities))
            return -1;
    }
    return json_is_array(json) ? 0 : -1;
}
