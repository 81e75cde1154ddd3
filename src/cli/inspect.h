// SPDX-License-Identifier: Apache-2.0
// Documents of inspect that are written elsewhere.
#pragma once

#include "cli/cli.h"

int inspect_volume(struct engine *engine, struct arena *arena, const char *name, struct json_writer *w,
                   struct err *err); // volume.c
int inspect_network(struct engine *engine, struct arena *arena, const char *name, struct json_writer *w,
                    struct err *err); // network.c
// NetworkSettings.Ports (inspect_ports.c).
int inspect_ports(struct engine *engine, struct arena *arena, const struct container *container,
                  struct json_writer *w, struct err *err);
// A container's NetworkSettings, and parts of such documents (inspect_network.c).
int inspect_network_settings(struct engine *engine, struct arena *arena, const struct container *container,
                             struct json_writer *w, struct err *err);
void inspect_time(struct json_writer *w, const char *key, int64_t wall_ns); // inspect.c
void inspect_mac(struct json_writer *w, const char *key, const uint8_t *mac);
