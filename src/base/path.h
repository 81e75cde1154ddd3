// SPDX-License-Identifier: Apache-2.0
#pragma once

// "/a//b/./../c/" to "/a/c", in place.
const char *path_clean(char *path);
