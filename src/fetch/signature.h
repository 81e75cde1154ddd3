// SPDX-License-Identifier: Apache-2.0
// Sigstore signatures of images, as cosign and containers/image attach them: an image under the tag
// "sha256-<hex>.sig", whose layers are what was signed, with the signatures as annotations.
#pragma once

#include "fetch/worker.h"
#include "registry/client.h"

// Tells of every signature that the registry has for the manifest: {"event":"signature","payload":TEXT,
// "signature":BASE64}. None is no error.
int signatures_fetch(struct worker *worker, struct registry *registry, struct http *http,
                     const char *manifest_digest, struct err *err);

// hoy-fetch verify: is the signature of these bytes by this key? "done", or an error that says what is wrong.
// A process of its own, which has seen nothing of the network.
int verify_run(struct worker *worker, const struct json *request, struct err *err);
