// SPDX-License-Identifier: Apache-2.0
// Which images are let in: /etc/containers/policy.json (containers-policy.json(5)), as far as registries go.
// The file is the administrator's, and read strictly: what is not understood is an error, never passed over.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "registry/reference.h"

// The one that counts: $HOME/.config/containers/policy.json if it is there, else /etc/containers/policy.json.
const char *policy_file(struct arena *arena);

enum policy_kind { POLICY_ACCEPT, POLICY_REJECT, POLICY_SIGSTORE };

// What the name in a signature has to be.
enum policy_identity {
    POLICY_REPOSITORY_DIGEST_OR_EXACT, // the reference; of a digest its repository
    POLICY_EXACT,
    POLICY_REPOSITORY,
    POLICY_EXACT_REFERENCE,  // the one that the policy names
    POLICY_EXACT_REPOSITORY, // in the one that the policy names
    POLICY_REMAP,            // the reference, with another beginning
};

struct policy_requirement {
    enum policy_kind kind;
    struct strings keys; // public keys of sigstore signatures, PEM: any of them will do
    enum policy_identity identity;
    const char *reference;              // of the two exact ones
    const char *prefix, *signed_prefix; // of POLICY_REMAP
};
struct policy_requirements {
    struct policy_requirement *items;
    size_t count;
    const char *scope; // where in the file they stand: "docker.io/library", "the default"
};

// What an image has to fulfil, all of it. Without the file: nothing, one POLICY_ACCEPT. ERR_INVALID names the
// file and the place.
int policy_read(struct arena *arena, const char *file, const struct reference *reference,
                struct policy_requirements *ret_requirements, struct err *err);

// The same for what does not come from a registry: "docker-archive" (load), "tarball" (import). Nothing there
// is signed. ERR_UNAUTHORIZED says what the policy has against it.
int policy_check_local(const char *transport, struct err *err);

// Whether what a signature says (the JSON that was signed) makes it one of this image: its manifest's digest,
// and a name that the requirement takes. The signature itself was verified before. ERR_INVALID says what is
// wrong.
int policy_check_payload(const struct policy_requirement *requirement, const struct reference *reference,
                         const char *manifest_digest, const char *payload, size_t size, struct err *err);
