// SPDX-License-Identifier: Apache-2.0
// The OCI image specification's documents, and Docker's schema 2 of the same: index.md, manifest.md,
// config.md, descriptor.md. Pure parsers with limits; everything in the arena.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json.h"
#include "oci/spec.h"

#define IMAGE_DOCUMENT_MAX (4u << 20) // a manifest, index or config may have this many bytes
#define IMAGE_LAYERS_MAX \
    498 // overlayfs takes 500 directories: a cover and a look at a container are two more

// Media types
#define OCI_CONFIG_TYPE      "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_TYPE       "application/vnd.oci.image.layer.v1.tar" // with "+gzip", "+zstd"
#define OCI_MANIFEST_TYPE    "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE       "application/vnd.oci.image.index.v1+json"
#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST_TYPE     "application/vnd.docker.distribution.manifest.list.v2+json"

// In an index on a disk: what an image is called. The first is its full name; the second often the tag alone.
#define ANNOTATION_IMAGE    "io.containerd.image.name"
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"

struct platform {
    const char *os, *architecture, *variant, *os_version; // NULL where absent
};

struct descriptor {
    const char *media_type, *digest; // digest_valid()
    uint64_t size;
    struct platform platform;
    const char *artifact_type;
    const char *image_name, *ref_name; // ANNOTATION_IMAGE, ANNOTATION_REF_NAME
    struct strings urls;               // where a foreign layer is, other than in the registry
    bool attestation;                  // annotation vnd.docker.reference.type = attestation-manifest
};

struct descriptors {
    struct descriptor *items;
    size_t count;
};

// An index (or manifest list) has manifests; a manifest has config and layers. A document with both, or whose
// mediaType field and HTTP content type differ, is refused (CVE-2021-41190).
struct manifest {
    const char *media_type;
    bool is_index;
    struct descriptors manifests;
    struct descriptor config;
    struct descriptors layers;
};
int manifest_parse(struct arena *arena, const char *text, size_t size, const char *content_type,
                   struct manifest *ret_manifest, struct err *err);

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };
// -EINVAL when it is no layer's media type.
int layer_compression_of(const char *media_type, enum layer_compression *ret_compression);

// The part of an image's config that becomes a container's (Docker's ContainerConfig).
struct image_config {
    const char *architecture, *os, *variant, *author, *created;
    const char *user, *working_dir, *stop_signal;
    struct strings env, entrypoint, cmd, shell;
    bool has_entrypoint, has_cmd;
    struct strings on_build;
    const char *healthcheck;               // a JSON object
    struct strings volumes, exposed_ports; // keys
    struct spec_key_values labels;
    struct strings diff_ids; // each digest_valid()
};
int image_config_parse(struct arena *arena, const char *text, size_t size, struct image_config *ret_config,
                       struct err *err);

// The host's platform; is an image for a wanted one, where one without a variant is for all; and the choice
// of an index's manifest: exact variant first, then none, then the nearest lower, and last one of which no
// platform is said: its config tells. NULL when there is none.
void platform_host(struct platform *ret_platform);
// "linux/arm64/v8", "arm64"; missing parts from the host.
int platform_parse(struct arena *arena, const char *text, struct platform *ret_platform, struct err *err);
bool platform_matches(const struct platform *wanted, const struct image_config *config);
// Whether the image called name is for the platform that a user asked for; NULL: any. Docker's sentence.
int platform_check(struct arena *arena, const char *wanted, const char *name,
                   const struct image_config *config, struct err *err);
const struct descriptor *index_choose(const struct manifest *index, const struct platform *platform);
// An index in an index, that does not say for which platforms it is.
bool descriptor_is_any_index(const struct descriptor *descriptor);

// Chain ids (config.md, "Layer ChainID") of the first count diff ids.
void chain_id(const struct strings *diff_ids, size_t count, char ret_digest[static DIGEST_SIZE]);
