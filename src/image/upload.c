// SPDX-License-Identifier: Apache-2.0
#include "image/upload.h"

#include "base/fd.h"
#include "base/json_strings.h"
#include "image/request.h"
#include "registry/endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOUNTS_MAX       3 // repositories that a part is looked for in
#define PART_SOURCES_MAX 4 // of several registries: one may be gone, with all of its repositories
#define OF_ONE_REGISTRY  2
#define SOURCES_MAX      64

static int source_index(struct upload *upload, const char *repository, size_t *ret_index) {
    struct upload_source source = {0};
    struct err ignored;
    if (reference_parse(upload->arena, repository, &source.reference, &ignored)) return -1;
    for (*ret_index = 0; *ret_index < upload->sources.count; ++*ret_index)
        if (str_eq(repository,
                   reference_repository(upload->arena, &upload->sources.items[*ret_index].reference)))
            return 0;
    if (upload->sources.count == SOURCES_MAX) return -1;
    if (request_endpoint(upload->arena, &source.reference, &source.endpoint, &ignored)) return -1;
    *arena_push(upload->arena, &upload->sources) = source;
    return 0;
}

static bool has_enough_of(const struct upload *upload, const struct upload_part *part, const char *domain) {
    size_t count = 0;
    for (size_t i = 0; i < part->sources.count; i++)
        count += str_eq(upload->sources.items[part->sources.items[i]].reference.domain, domain);
    return count >= OF_ONE_REGISTRY || part->sources.count >= PART_SOURCES_MAX;
}

void upload_part_from(struct upload *upload, struct upload_part *part, const char *repository) {
    size_t index;
    if (str_eq(repository, reference_repository(upload->arena, &upload->target)) ||
        source_index(upload, repository, &index))
        return;
    const struct reference *from = &upload->sources.items[index].reference;
    if (str_eq(from->domain, upload->target.domain) && part->mounts.count < MOUNTS_MAX)
        strings_add(upload->arena, &part->mounts, from->path);
    if (!has_enough_of(upload, part, from->domain)) *arena_push(upload->arena, &part->sources) = index;
}

static void put_registry(struct upload *upload, struct json_writer *w, const struct reference *r,
                         const struct endpoint *endpoint) {
    endpoint_put(w, "endpoint", endpoint);
    json_put_string(w, "name", reference_familiar(upload->arena, r));
}

// What tokens have to allow: pushing there, and pulling from where parts are mounted.
static const char *push_scope(struct upload *upload) {
    const char *scope = arena_printf(upload->arena, "repository:%s:pull,push", upload->target.path);
    for (size_t i = 0; i < upload->sources.count; i++) {
        const struct reference *from = &upload->sources.items[i].reference;
        if (str_eq(from->domain, upload->target.domain))
            scope = arena_printf(upload->arena, "%s repository:%s:pull", scope, from->path);
    }
    return scope;
}

int upload_begin(struct upload *upload, struct err *err) {
    _cleanup_(request_finish) struct json_writer w = {0};
    struct endpoint endpoint;
    if (request_endpoint(upload->arena, &upload->target, &endpoint, err)) return -1;
    json_begin_object(&w, NULL);
    put_registry(upload, &w, &upload->target, &endpoint);
    json_put_string(&w, "push_scope", push_scope(upload));
    json_begin_array(&w, "sources");
    for (size_t i = 0; i < upload->sources.count; i++) {
        json_begin_object(&w, NULL);
        put_registry(upload, &w, &upload->sources.items[i].reference, &upload->sources.items[i].endpoint);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (request_put_limits(&w, err)) return -1;
    json_end_object(&w);
    return fetcher_start(&upload->fetcher, "push", -1, -1, err) || fetcher_send(&upload->fetcher, &w, -1, err)
               ? -1
               : 0;
}

int upload_part_send(struct upload *upload, const struct upload_part *part, int fd, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_u64(&w, "part", part->number);
    if (part->digest) json_put_string(&w, "digest", part->digest);
    json_put_u64(&w, "size", part->size);
    json_put_u64(&w, "compression", part->compression);
    json_put_u64(&w, "level", (uint64_t)part->level);
    if (part->made_digest) json_put_string(&w, "made_digest", part->made_digest);
    json_put_u64(&w, "made_size", part->made_size);
    json_put_bool(&w, "is_blob", part->is_blob);
    json_put_strings(&w, "mounts", &part->mounts);
    json_begin_array(&w, "sources");
    for (size_t i = 0; i < part->sources.count; i++) json_put_u64(&w, NULL, part->sources.items[i]);
    json_end_array(&w);
    json_end_object(&w);
    return fetcher_send(&upload->fetcher, &w, fd, err);
}

// A document as a file.
static int text_open(const char *text, struct err *err) {
    _cleanup_(fd_closep) int fd = memfd_create("document", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "can't hand a document over") : take_fd(&fd);
}

int upload_document_send(struct upload *upload, size_t number, const char *digest, const char *text,
                         struct err *err) {
    const struct upload_part part = {.number = number,
                                     .digest = digest,
                                     .size = strlen(text),
                                     .compression = LAYER_PLAIN,
                                     .made_digest = digest,
                                     .made_size = strlen(text)};
    _cleanup_(fd_closep) int fd = text_open(text, err);
    return fd < 0 ? -1 : upload_part_send(upload, &part, fd, err);
}

int upload_end(struct upload *upload, struct err *err) {
    return fetcher_say(&upload->fetcher, NULL, NULL, -1, err);
}

int upload_manifest_send(struct upload *upload, const char *under, const char *type, const char *text,
                         struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(fd_closep) int fd = text_open(text, err);
    if (fd < 0) return -1;
    json_begin_object(&w, NULL);
    json_put_string(&w, "manifest", under);
    json_put_string(&w, "type", type);
    json_end_object(&w);
    return fetcher_send(&upload->fetcher, &w, fd, err);
}
