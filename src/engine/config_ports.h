// SPDX-License-Identifier: Apache-2.0
// Published ports: -p's grammar, and Docker's documents of them.
#pragma once

#include "engine/config.h"

// "[[HOST:][HOST_PORT[-LAST]]:]PORT[-LAST][/PROTOCOL]", or "published=…,target=…[,protocol=…]". What is wrong
// is said in Docker's words.
int port_binding_parse(struct arena *arena, const char *text, struct port_binding *ret_binding,
                       struct err *err);
// As -p takes it.
const char *port_binding_text(struct arena *arena, const struct port_binding *binding);
// "80/tcp": 0, or -EINVAL.
int port_parse(const char *text, uint16_t *ret_port, uint8_t *ret_protocol);

// Whether a binding is for this port of the container's.
bool port_binding_has(const struct port_binding *binding, uint8_t protocol, uint16_t port);

// Docker's PortBindings: {"80/tcp":[{"HostIp":"","HostPort":"8080"}]}.
void config_bindings_write(const struct port_bindings *ports, const char *key, struct json_writer *w);
// The same as a list of -p's words: ranges stay ranges.
void config_published_write(const struct port_bindings *ports, const char *key, struct json_writer *w);
int config_published_read(struct arena *arena, const struct json *json, struct port_bindings *ports);
// {"80/tcp":{}}: what is exposed, and what is published.
void config_exposed_write(const struct container_config *config, const char *key, struct json_writer *w);
