// SPDX-License-Identifier: Apache-2.0
// A container's root file system, written down: all of it, what changed as a layer, or what changed as a
// list; and the digest of a layer's directory. Each confines itself, and ends in "done" or worker_fail().
#pragma once

#include "fetch/worker.h"

int pack_run_export(struct worker *worker);
int pack_run_digest(struct worker *worker);
int pack_run_layer(struct worker *worker);
// One after the other, each with a NUL at its end: "A/path".
int pack_run_changes(struct worker *worker);
