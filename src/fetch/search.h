// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fetch/worker.h"

// Asks the search API that Docker Hub and old registries have (/v1/search) and tells of each repository:
// {"event":"found","name":N,"description":T,"stars":I,"official":B}.
int search_run(struct worker *worker, const struct json *request, struct err *err);
