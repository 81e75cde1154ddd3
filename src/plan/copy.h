// SPDX-License-Identifier: Apache-2.0
// Copy-up: what the image has at a place, for what is mounted there. -errno.
#pragma once

// Copies the content of a directory (where the image has one) into an empty one. 0 when there is none to
// copy.
int plan_copy_up(int from, int to);
// The same for a volume at a path of the host's, which another container may fill at the same moment. Nobody
// may change what it is filled from meanwhile. Of an empty directory a new volume takes owner and mode.
int plan_fill_volume(const char *path, int from);
