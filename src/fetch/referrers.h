// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fetch/worker.h"

// Asks a registry what refers to an image: {"event":"subject","digest":D}, and of each
// {"event":"referrer","type":T,"digest":D,"size":B,"media_type":T}. Each is told once.
int referrers_run(struct worker *worker, const struct json *request, struct err *err);
