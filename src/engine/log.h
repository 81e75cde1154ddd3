// SPDX-License-Identifier: Apache-2.0
// Containers' logs, as hoy sees to them: which options there are, what a shim is told, what is done with
// files that it rotated.
//
// Every driver but none keeps a file: json-file and local are one, for the others it is the copy that `hoy
// logs` reads (Docker's dual logging).
#pragma once

#include "engine/parts.h"

#include "plan/plan.h"

#include <stdio.h>

bool log_driver_is(const struct container_log *log, const char *name);

// The settings with the defaults of /etc/docker/daemon.json, checked.
int log_settle(struct arena *arena, struct container_config *config, struct err *err);

// The settings with other values for some options, checked.
int log_merge(struct arena *arena, struct container_log *log, const struct container_log *changes,
              struct err *err);
// Whether a container that runs can have these at once: what each of its entries says it was given at the
// start.
int log_check_live(const struct container_log *changes, struct err *err);
// Tells the shim of a container that runs, and takes away the files that there are too many of. What fails
// of the last is as if they were there from before.
int log_apply(struct engine *engine, const struct container *container, const struct container_log *log,
              struct err *err);

struct log_file_options {
    bool none, local, compress; // local: the form
    uint64_t max_bytes;
    uint32_t max_files;
    const char *name; // in the container's folder; NULL: <id>-json.log
};
int log_file_options(const struct container_log *log, struct log_file_options *ret_options, struct err *err);
const char *log_file_name(struct arena *arena, const char *id, const struct log_file_options *files);

// The tag's template, of words such as {{.Name}}.
int log_tag_check(const struct container_log *log, struct err *err);

// syslog's options: where (a connected socket comes from log_syslog_connect), which facility, which form.
struct log_syslog {
    enum { SYSLOG_HERE, SYSLOG_UNIX, SYSLOG_UNIXGRAM, SYSLOG_UDP, SYSLOG_TCP } way;
    char path[108], host[256], port[32];
    uint8_t facility;
    enum plan_log_stamp stamp;
    bool with_host;
};
int log_syslog_read(const struct container_log *log, struct log_syslog *ret_syslog, struct err *err);
int log_syslog_check(const struct container_log *log, struct err *err);
int log_syslog_connect(const struct log_syslog *syslog, struct err *err);
int log_journal_connect(struct err *err);

// What a plan says about the log (for one that is being made), and its two descriptors; -1 where there is
// none.
int log_plan(struct engine *engine, struct arena *arena, const struct container *container, struct plan *plan,
             struct err *err);
int log_open(const struct container *container, int folder, int *ret_file, int *ret_receiver,
             struct err *err);

// How many bytes all logs together may have; 0: no end.
int log_budget(uint64_t *ret_bytes, struct err *err);
