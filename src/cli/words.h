// SPDX-License-Identifier: Apache-2.0
// How listings say things.
#pragma once

#include "engine/engine.h"

// "2 minutes ago"; "N/A" for CLOCK_NEVER
const char *words_ago(struct arena *arena, int64_t wall_ns);
// "2026-11-23 21:44:38 +0000 UTC"
const char *words_time(int64_t wall_ns, char buffer[static 64]);
// "Up 3 seconds", "Up 3 seconds (Paused)", "Exited (0) 2 minutes ago", "Created"
const char *words_status(struct arena *arena, const struct container *container);
// "db,web": the networks that a container is in; "" where they are another container's.
const char *words_networks(struct arena *arena, const struct container_config *config);
// "0.0.0.0:8000-8002->8000-8002/tcp, [::]:8080->80/tcp, 443/tcp": what is published, and what is only
// exposed.
const char *words_ports(struct arena *arena, const struct strings *exposed,
                        const struct port_runs *published);
// "0.0.0.0:8080", "[::]:8080"
const char *words_host_port(struct arena *arena, const char *host, unsigned port);
// At most so many characters, the last one "…" when something was cut.
const char *words_cut(struct arena *arena, const char *text, size_t characters);
// A stranger's text (NULL: none) on one line: line ends and tabs are spaces, and nothing in it is for a
// terminal.
const char *words_line(struct arena *arena, const char *text);
// "sha256:…", or its first digits alone.
const char *words_id(struct arena *arena, const char *digest, bool whole);
// An image's name without what goes without saying: "debian:12" for "docker.io/library/debian:12".
const char *words_image(struct arena *arena, const char *name);
// "2.05kB", "1.955KiB": with three significant digits of powers of 1000, or four of powers of 1024.
const char *words_size(struct arena *arena, uint64_t bytes, bool binary);
