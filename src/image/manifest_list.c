// SPDX-License-Identifier: Apache-2.0
#include "image/manifest_list.h"

#include "base/json_strings.h"
#include "image/upload.h"

#include <string.h>

#define INDENT 3 // as Docker writes it

// Platforms

void list_platform_read(struct arena *arena, const struct json *json, struct list_platform *ret) {
    const struct json *features = json_get(json, "os.features");
    *ret = (struct list_platform){
        .architecture = arena_strdup(arena, json_get_string(json, "architecture")),
        .os = arena_strdup(arena, json_get_string(json, "os")),
        .os_version = arena_strdup(arena, json_get_string(json, "os.version")),
        .variant = arena_strdup(arena, json_get_string(json, "variant")),
    };
    for (size_t i = 0; i < json_length(features); i++)
        if (json_string(json_at(features, i)))
            strings_add(arena, &ret->os_features, arena_strdup(arena, json_string(json_at(features, i))));
}

void list_platform_write(struct json_writer *w, const char *key, const struct list_platform *p) {
    json_begin_object(w, key);
    json_put_string(w, "architecture", p->architecture ? p->architecture : "");
    json_put_string(w, "os", p->os ? p->os : "");
    if (!str_empty(p->os_version)) json_put_string(w, "os.version", p->os_version);
    if (p->os_features.count) json_put_strings(w, "os.features", &p->os_features);
    if (!str_empty(p->variant)) json_put_string(w, "variant", p->variant);
    json_end_object(w);
}

// Rows

int manifest_list_find(struct store *store, struct arena *arena, const char *list,
                       struct list_entries *ret_entries, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct list_entries entries = {0};
    int r;
    if (db_query(store->db, &rows, err,
                 "SELECT image, manifest, digest, media_type, platform FROM list_manifest WHERE list = ? "
                 "ORDER BY image",
                 "s", list))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        _cleanup_(json_freep) struct json *platform = NULL;
        struct list_entry *entry = arena_push(arena, &entries);
        *entry = (struct list_entry){.image = arena_strdup(arena, db_text(&rows, 0)),
                                     .text = arena_strdup(arena, db_text(&rows, 1)),
                                     .digest = arena_strdup(arena, db_text(&rows, 2)),
                                     .media_type = arena_strdup(arena, db_text(&rows, 3))};
        entry->size = strlen(entry->text);
        if (json_parse(db_text(&rows, 4), strlen(db_text(&rows, 4)), &platform) == 0)
            list_platform_read(arena, platform, &entry->platform);
    }
    if (r == 0) *ret_entries = entries;
    return r;
}

static int entry_put(struct store *store, const char *list, const struct list_entry *entry, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    list_platform_write(&w, NULL, &entry->platform);
    int r =
        db_run(store->db, err,
               "INSERT OR REPLACE INTO list_manifest (list, image, manifest, digest, media_type, platform) "
               "VALUES (?, ?, ?, ?, ?, ?)",
               "ssssss", list, entry->image, entry->text, entry->digest, entry->media_type, str_get(&w.text));
    return r < 0 ? -1 : 0;
}

int manifest_list_add(struct store *store, const char *list, const struct list_entries *entries,
                      struct err *err) {
    if (db_begin(store->db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *open = store->db;
    for (size_t i = 0; i < entries->count; i++)
        if (entry_put(store, list, &entries->items[i], err)) return -1;
    return db_commit(open, err);
}

int manifest_list_remove(struct store *store, const char *list, struct err *err) {
    return db_run(store->db, err, "DELETE FROM list_manifest WHERE list = ?", "s", list);
}

// The document

const char *manifest_list_write(struct arena *arena, const struct list_entries *entries,
                                const char **ret_media_type) {
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = INDENT};
    bool oci = entries->count && str_eq(entries->items[0].media_type, OCI_MANIFEST_TYPE);
    *ret_media_type = oci ? OCI_INDEX_TYPE : DOCKER_LIST_TYPE;
    json_begin_object(&w, NULL);
    json_put_u64(&w, "schemaVersion", 2);
    json_put_string(&w, "mediaType", *ret_media_type);
    json_begin_array(&w, "manifests");
    for (size_t i = 0; i < entries->count; i++) {
        const struct list_entry *entry = &entries->items[i];
        json_begin_object(&w, NULL);
        json_put_string(&w, "mediaType", entry->media_type);
        json_put_u64(&w, "size", entry->size);
        json_put_string(&w, "digest", entry->digest);
        list_platform_write(&w, "platform", &entry->platform);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return arena_strdup(arena, str_get(&w.text));
}

// Pushing

struct list_push {
    struct upload upload;
    const struct list_entries *entries;
    struct {
        struct upload_part *items;
        size_t count;
    } parts;
};

static const char *repository_of(struct arena *arena, const struct list_entry *entry) {
    struct reference reference;
    struct err ignored;
    return reference_parse(arena, entry->image, &reference, &ignored)
               ? ""
               : reference_repository(arena, &reference);
}

bool list_entry_is_elsewhere(struct arena *arena, const struct reference *list,
                             const struct list_entry *entry) {
    return !str_eq(repository_of(arena, entry), reference_repository(arena, list));
}

static void part_add(struct list_push *push, const struct descriptor *blob, const char *repository) {
    struct upload_part *part = NULL;
    for (size_t i = 0; !part && i < push->parts.count; i++)
        if (str_eq(push->parts.items[i].digest, blob->digest)) part = &push->parts.items[i];
    if (!part) {
        part = arena_push(push->upload.arena, &push->parts);
        part->number = push->parts.count - 1;
        part->digest = blob->digest;
        part->size = blob->size;
    }
    upload_part_from(&push->upload, part, repository);
}

static int parts_find(struct list_push *push, struct err *err) {
    struct arena *arena = push->upload.arena;
    for (size_t i = 0; i < push->entries->count; i++) {
        const struct list_entry *entry = &push->entries->items[i];
        const char *repository = repository_of(arena, entry);
        struct manifest manifest;
        if (!list_entry_is_elsewhere(arena, &push->upload.target, entry)) continue;
        if (manifest_parse(arena, entry->text, strlen(entry->text), entry->media_type, &manifest, err))
            return -1;
        part_add(push, &manifest.config, repository);
        for (size_t j = 0; j < manifest.layers.count; j++)
            part_add(push, &manifest.layers.items[j], repository);
    }
    return 0;
}

// Until the event; what happens to parts is of no interest.
static int wait_for(struct list_push *push, const char *wanted, struct err *err) {
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&push->upload.fetcher, &event, err)) return -1;
        if (str_eq(json_get_string(event, "event"), wanted)) return 0;
    }
}

static int manifests_send(struct list_push *push, const char *type, const char *text, struct err *err) {
    struct upload *upload = &push->upload;
    for (size_t i = 0; i < push->entries->count; i++) {
        const struct list_entry *entry = &push->entries->items[i];
        if (list_entry_is_elsewhere(upload->arena, &upload->target, entry) &&
            upload_manifest_send(upload, entry->digest, entry->media_type, entry->text, err))
            return -1;
    }
    const char *under = upload->target.digest ? upload->target.digest : upload->target.tag;
    return upload_manifest_send(upload, under, type, text, err) || upload_end(upload, err) ? -1 : 0;
}

static int push_run(struct list_push *push, const char *type, const char *text, struct err *err) {
    if (parts_find(push, err) || upload_begin(&push->upload, err)) return -1;
    for (size_t i = 0; i < push->parts.count; i++)
        if (upload_part_send(&push->upload, &push->parts.items[i], -1, err)) return -1;
    if (upload_end(&push->upload, err) || wait_for(push, "parts", err)) return -1;
    if (manifests_send(push, type, text, err) || wait_for(push, "done", err)) return -1;
    return fetcher_wait(&push->upload.fetcher, err);
}

int manifest_list_push(struct arena *arena, const struct reference *list, const struct list_entries *entries,
                       const char **ret_digest, struct err *err) {
    struct list_push push = {.upload = {.arena = arena, .target = *list, .fetcher = FETCHER_INIT},
                             .entries = entries};
    const char *type, *text = manifest_list_write(arena, entries, &type);
    int r = push_run(&push, type, text, err);
    fetcher_finish(&push.upload.fetcher);
    if (r) return err_wrap(err, "push %s", reference_familiar(arena, list));
    char *digest = arena_alloc(arena, DIGEST_SIZE);
    digest_of(text, strlen(text), digest);
    *ret_digest = digest;
    return 0;
}
