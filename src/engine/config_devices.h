// SPDX-License-Identifier: Apache-2.0
// HostConfig's Devices and DeviceRequests, for config.c. Reading returns 0, or -1 when the value is of
// another shape.
#pragma once

#include "engine/config.h"

void config_devices_write(const struct container_config *config, const char *key, struct json_writer *w);
int config_devices_read(struct arena *arena, const struct json *json, struct container_config *config);
void config_requests_write(const struct container_config *config, const char *key, struct json_writer *w);
int config_requests_read(struct arena *arena, const struct json *json, struct container_config *config);
