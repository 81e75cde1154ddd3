// SPDX-License-Identifier: Apache-2.0
// The instructions of a Dockerfile that change an image's config and nothing else: what `commit` and `import`
// take as --change. Docker's Dockerfile reference has their grammar.
#pragma once

#include "oci/image_spec.h"

// One after the other: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR, in
// JSON or shell form, lower case too. Texts of several lines hold several instructions; a backslash at a
// line's end takes it on. ERR_INVALID names the instruction.
int image_changes_apply(struct arena *arena, const struct strings *changes, struct image_config *config,
                        struct err *err);
