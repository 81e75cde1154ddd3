// SPDX-License-Identifier: Apache-2.0
#include "fetch/search.h"

#include "registry/http.h"
#include "registry/reference.h"

#include <string.h>

#define ANSWER_MAX      (1u << 20)
#define DESCRIPTION_MAX 4096
#define SECONDS         30
#define TRIES           3

static int add_to_text(const void *bytes, size_t size, void *data, struct err *err) {
    struct str *text = data;
    if (text->len + size > ANSWER_MAX)
        return err_set(err, ERR_UNAVAILABLE, 0, "the answer has more than %u KiB", ANSWER_MAX >> 10);
    str_add_n(text, bytes, size);
    return 0;
}

static void tell(struct worker *worker, const struct json *found) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const char *name = json_get_string(found, "name"), *description = json_get_string(found, "description");
    int64_t stars = 0;
    json_i64(json_get(found, "star_count"), &stars);
    if (!name || strlen(name) > DESCRIPTION_MAX) return;
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "found");
    json_put_string(&w, "name", name);
    json_put_string(&w, "description",
                    description && strlen(description) <= DESCRIPTION_MAX ? description : "");
    json_put_i64(&w, "stars", stars);
    json_put_bool(&w, "official", json_boolean(json_get(found, "is_official")));
    json_end_object(&w);
    worker_send(worker, &w);
}

static int ask(struct worker *worker, const char *url, struct str *text, struct http_response *response,
               struct arena *arena, struct err *err) {
    _cleanup_(http_freep) struct http *http = NULL;
    const struct http_options options = {.stall_s = worker->stall_s};
    const struct http_request request = {.url = url, .timeout_s = SECONDS, .body = add_to_text, .data = text};
    bool again = false;
    if (http_new(&options, &http, err)) return -1;
    for (int try = 1; http_exchange(http, arena, &request, response, &again, err); try++)
        if (!again || try == TRIES || text->len) return -1;
    return 0;
}

int search_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    const char *host = json_get_string(request, "host"), *term = json_get_string(request, "term");
    struct http_response response = {0};
    uint64_t limit;
    if (!host || !term || json_u64(json_get(request, "limit"), &limit))
        return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    const char *url =
        arena_printf(&arena, "http%s://%s/v1/search?q=%s&n=%llu", host_is_loopback(host) ? "" : "s", host,
                     url_escape(&arena, term), (unsigned long long)limit);
    if (ask(worker, url, &text, &response, &arena, err)) return err_wrap(err, "search on %s", host);
    const struct json *results = NULL;
    if (response.status == 200 && !json_parse(str_get(&text), text.len, &json))
        results = json_get(json, "results");
    if (!json_is_array(results))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s can't be searched: it answers with status %d%s", host,
                       response.status, response.status == 200 ? " and something else than a list" : "");
    for (size_t i = 0; i < json_length(results) && i < limit; i++) tell(worker, json_at(results, i));
    worker_event(worker, "done");
    return 0;
}
