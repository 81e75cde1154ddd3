// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "args/options.h"

// struct strings: KEY=VALUE. Which keys there are is the command's to say, later.
option_store store_filter;
