// SPDX-License-Identifier: Apache-2.0
// Containers in another's network namespace (`--network container:X`). It is there as long as one of them is,
// and so are X's interfaces in it, with addresses that are somebody else's once X has ended. So who joins is
// written down in X's run directory, and X's end takes the interfaces away.
#pragma once

#include "engine/engine.h"

// Before it joins.
int joiners_add(struct engine *engine, const char *owner_id, const char *id, struct err *err);
// At the owner's end, while its endpoints' rows are there. Cheap when nobody joined.
int joiners_cut(struct engine *engine, const struct container *owner, struct err *err);
