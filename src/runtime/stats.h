// SPDX-License-Identifier: Apache-2.0
// A container's numbers as runc's `events --stats` prints them: one JSON document a line, with the same
// names, so that what reads runc's reads these.
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "kernel/cgroup_stats.h"

// Writes the whole event {"type":"stats","id":…,"data":{…}} into a writer that has nothing in it yet.
void stats_write(const char *id, const struct cgroup_stats *stats, struct json_writer *writer);

// Reads the groups and appends the event to text, with a newline at its end. ERR_NOT_FOUND when the groups
// are gone.
int stats_print(const char *id, const struct cgroup_groups *groups, struct str *text, struct err *err);
