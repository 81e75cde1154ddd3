// SPDX-License-Identifier: Apache-2.0
// NetworkingConfig: how a container is in each of its networks, for config.c.
#pragma once

#include "engine/config.h"

void config_networks_store(const struct container_config *config, struct json_writer *w);
// 0, or -1 when the value is of another shape. Settings of before there were several networks say it by the
// mode alone.
int config_networks_read(struct arena *arena, const struct json *json, struct container_config *config);
