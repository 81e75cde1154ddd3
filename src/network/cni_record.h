// SPDX-License-Identifier: Apache-2.0
// The files of a container on a CNI network, in its run directory (cni.h says what is in them).
#pragma once

#define CNI_RECORD     "cni.json"
#define CNI_RESULT     "cni-result.json"
#define CNI_PLACES     "cni-places.json"
#define CNI_FILE_LIMIT (2u << 20)
#define CNI_MODE       0600
#define CNI_TIMEOUT_S  60 // a plugin's, unless the settings say another
