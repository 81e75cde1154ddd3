// SPDX-License-Identifier: Apache-2.0
// Docker's --filter of events.
#pragma once

#include "engine/events.h"

bool event_filters_match(const struct filters *filters, const struct json *event);
