// SPDX-License-Identifier: Apache-2.0
// `hoy login`: are these credentials good?
#pragma once

#include "fetch/worker.h"

int login_run(struct worker *worker, const struct json *request, struct err *err);
