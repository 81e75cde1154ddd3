// SPDX-License-Identifier: Apache-2.0
// <root>/tmp/partial/<digest of the blob, hex>: what a pull that did not come to its end had of a large blob.
// The worker writes it into its staging directory (fetch/partial.h) and checks it like everything else; here
// whole files only change their place. Kept for a week, and not more than a few gigabytes of them.
#pragma once

#include "image/staging.h"

// Out of a staging directory whose worker is gone.
void partial_keep(int tmp, int staging);
// Into one, when there is any of this blob.
void partial_give(const struct staging *staging, const char *digest);
bool partial_have(const struct staging *staging, const char *digest); // is there any?
// Removes those that are old, or too many.
void partial_sweep(int tmp);
