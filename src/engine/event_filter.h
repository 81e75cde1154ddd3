// SPDX-License-Identifier: Apache-2.0
// Docker's --filter of events. Of one key any has to match, of labels all, of different keys all.
#pragma once

#include "engine/events.h"

bool event_filters_match(const struct strings *filters, const struct json *event);
