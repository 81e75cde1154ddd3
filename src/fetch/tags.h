// SPDX-License-Identifier: Apache-2.0
// The names of all tags of a repository, for `hoy pull --all-tags`.
#pragma once

#include "fetch/worker.h"

int tags_run(struct worker *worker, const struct json *request, struct err *err);
