// SPDX-License-Identifier: Apache-2.0
// The documents of an image: manifests and indexes, configs, what refers to one another.
#include "fuzz/fuzz.h"
#include "oci/image_write.h"
#include "oci/manifest_edit.h"
#include "oci/referrers.h"

#include <string.h>

static void look_manifest(struct arena *arena, const char *text, size_t size) {
    struct manifest manifest = {0};
    struct platform host;
    struct err err = {0};
    const char *edited, *type, *index = NULL, *twice = NULL;
    platform_host(&host);
    if (manifest_parse(arena, text, size, NULL, &manifest, &err)) return;
    if (manifest.is_index) {
        (void)index_choose(&manifest, &host);
        return;
    }
    must(digest_valid(manifest.config.digest));
    if (!manifest_with_layers(arena, text, &manifest.layers, &edited, &type, &err))
        must(!manifest_parse(arena, edited, strlen(edited), type, &manifest, &err));
    if (!manifest_subject(arena, text, size)) return;
    must(!referrers_add(arena, NULL, text, OCI_MANIFEST_TYPE, &index, &err) && index);
    must(!referrers_add(arena, index, text, OCI_MANIFEST_TYPE, &twice, &err) && !twice);
}

static void look_config(struct arena *arena, const char *text, size_t size) {
    struct image_config config = {0}, again = {0};
    struct json *parent = NULL;
    struct err err = {0};
    if (image_config_parse(arena, text, size, &config, &err)) return;
    must(!json_parse(text, size, &parent));
    const struct image_document document = {
        .config = &config, .parent = parent, .created = "2026-01-01T00:00:00Z", .empty_layer = true};
    const char *written = image_document_write(arena, &document);
    json_free(parent);
    must(!image_config_parse(arena, written, strlen(written), &again, &err));
    must(again.env.count == config.env.count && again.cmd.count == config.cmd.count &&
         again.diff_ids.count == config.diff_ids.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena arena = ARENA_INIT;
    char *text = arena_strndup(&arena, (const char *)bytes, size);
    size = strlen(text);
    look_manifest(&arena, text, size);
    look_config(&arena, text, size);
    arena_finish(&arena);
    return 0;
}
