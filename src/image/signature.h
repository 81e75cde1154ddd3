// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/err.h"

// Is the signature (base64) of the payload by the public key (PEM)? Asks a process that has neither privilege
// nor network, and has seen nothing of the image. ERR_UNAUTHORIZED: it is not.
int signature_verify(const char *key, const char *payload, const char *signature, struct err *err);
