// SPDX-License-Identifier: Apache-2.0
// Every field at once (vectors/every-field.json): it is read and written as it was; and then the same
// document damaged in every place: each value with each wrong type, cut at each byte, with members that
// nobody knows.
#include "oci/spec.h"

#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct json *document;

static int load(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, VECTORS "/every-field.json", 1 << 20, &text)) return -1;
    return json_parse(str_get(&text), text.len, &document);
}

static int unload(void **state) {
    (void)state;
    json_free(document);
    return 0;
}

static int parse(struct arena *arena, const struct str *text, struct spec *spec, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(str_get(text), text->len, &json) < 0) return err_set(err, ERR_INVALID, 0, "not JSON");
    return spec_parse(arena, json, spec, err);
}

static void write_text(const struct spec *spec, struct str *ret_text) {
    struct json_writer writer = {0};
    spec_write(spec, &writer);
    *ret_text = writer.text;
}

// A copy of the document in which one place, counted from the begin, has other text, or a member more.
struct edit {
    struct json_writer writer;
    size_t at, count;
    const char *wanted;        // or the place of this path
    const char *text, *member; // text NULL: as it is
    char path[256];            // of the place
    const struct json *value;
};

static void copy(struct edit *edit, const char *key, const struct json *json, const char *path);

struct copied {
    struct edit *edit;
    const char *path;
};

static int copy_member(const char *key, const struct json *value, void *data) {
    const struct copied *parent = data;
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", parent->path, *parent->path ? "." : "", key);
    copy(parent->edit, key, value, path);
    return 0;
}

static void copy_object(struct edit *edit, const char *key, const struct json *json, const char *path,
                        bool found) {
    struct copied parent = {edit, path};
    json_begin_object(&edit->writer, key);
    json_each(json, copy_member, &parent);
    if (found && edit->member) json_put_raw(&edit->writer, edit->member, "{\"a\":[1,{\"b\":null}]}");
    json_end_object(&edit->writer);
}

static void copy(struct edit *edit, const char *key, const struct json *json, const char *path) {
    bool found = edit->count++ == edit->at || (edit->wanted && strcmp(edit->wanted, path) == 0);
    if (found) {
        snprintf(edit->path, sizeof edit->path, "%s", path);
        edit->value = json;
    }
    if (found && edit->text) {
        json_put_raw(&edit->writer, key, edit->text);
    } else if (json_is_object(json)) {
        copy_object(edit, key, json, path, found);
    } else if (json_is_array(json)) {
        json_begin_array(&edit->writer, key);
        for (size_t i = 0; i < json_length(json); i++) {
            char item[256];
            snprintf(item, sizeof item, "%s[%zu]", path, i);
            copy(edit, NULL, json_at(json, i), item);
        }
        json_end_array(&edit->writer);
    } else {
        json_put_value(&edit->writer, key, json);
    }
}

static void edit_finish(struct edit *edit) {
    json_writer_finish(&edit->writer);
}

static size_t places(void) {
    _cleanup_(edit_finish) struct edit edit = {.at = SIZE_MAX};
    copy(&edit, NULL, document, "");
    return edit.count;
}

static void assert_same(const struct json *a, const struct json *b, const char *path);

struct compared {
    const struct json *other;
    const char *path;
};

static int same_member(const char *key, const struct json *value, void *data) {
    const struct compared *c = data;
    char path[256];
    snprintf(path, sizeof path, "%s.%s", c->path, key);
    assert_same(value, json_get(c->other, key), path);
    return 0;
}

// a is in b.
static void assert_same(const struct json *a, const struct json *b, const char *path) {
    if (json_is_object(a)) {
        struct compared compared = {b, path};
        if (!json_is_object(b)) fail_msg("%s is lost", path);
        json_each(a, same_member, &compared);
    } else if (json_is_array(a)) {
        if (json_length(a) != json_length(b)) fail_msg("%s has another length", path);
        for (size_t i = 0; i < json_length(a); i++) {
            char item[256];
            snprintf(item, sizeof item, "%s[%zu]", path, i);
            assert_same(json_at(a, i), json_at(b, i), item);
        }
    } else if (!b || strcmp(json_text(a), json_text(b)) != 0) {
        fail_msg("%s is %s", path, b ? json_text(b) : "lost");
    }
}

static void assert_kept(const struct str *text) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str written = {0};
    _cleanup_(json_freep) struct json *before = NULL, *after = NULL;
    struct spec spec = {0};
    struct err err = {0};
    if (parse(&arena, text, &spec, &err) < 0) fail_msg("%s", err.text);
    write_text(&spec, &written);
    assert_int_equal(json_parse(str_get(text), text->len, &before), 0);
    assert_int_equal(json_parse(str_get(&written), written.len, &after), 0);
    assert_same(before, after, "");
    assert_same(after, before, "");
}

static void test_every_field(void **state) {
    (void)state;
    _cleanup_(edit_finish) struct edit edit = {.at = SIZE_MAX};
    copy(&edit, NULL, document, "");
    assert_kept(&edit.writer.text);
}

// What excludes each other in one document; and every word of an enumeration.
static void test_other_values(void **state) {
    (void)state;
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"process.scheduler", "{\"policy\":\"SCHED_OTHER\",\"nice\":-20}"},
        {"process.scheduler", "{\"policy\":\"SCHED_BATCH\",\"nice\":19}"},
        {"process.scheduler", "{\"policy\":\"SCHED_ISO\"}"},
        {"process.scheduler", "{\"policy\":\"SCHED_IDLE\"}"},
        {"process.scheduler", "{\"policy\":\"SCHED_FIFO\",\"priority\":99}"},
        {"process.scheduler", "{\"policy\":\"SCHED_RR\",\"priority\":1}"},
        {"process.ioPriority", "{\"class\":\"IOPRIO_CLASS_BE\"}"},
        {"process.ioPriority", "{\"class\":\"IOPRIO_CLASS_IDLE\"}"},
        {"process.execCPUAffinity", "{\"initial\":\"\"}"},
        {"linux.memoryPolicy", "{\"mode\":\"MPOL_DEFAULT\"}"},
        {"linux.memoryPolicy", "{\"mode\":\"MPOL_LOCAL\"}"},
        {"linux.memoryPolicy", "{\"mode\":\"MPOL_PREFERRED\"}"},
        {"linux.memoryPolicy",
         "{\"mode\":\"MPOL_INTERLEAVE\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_RELATIVE_NODES\"]}"},
        {"linux.memoryPolicy", "{\"mode\":\"MPOL_WEIGHTED_INTERLEAVE\",\"nodes\":\"1023\"}"},
        {"linux.memoryPolicy", "{\"mode\":\"MPOL_PREFERRED_MANY\",\"nodes\":\"1, 3-4\"}"},
        {"linux.personality", "{\"domain\":\"LINUX\"}"},
        {"linux.intelRdt", "{}"},
        {"linux.rootfsPropagation", "\"private\""},
        {"linux.rootfsPropagation", "\"shared\""},
        {"linux.rootfsPropagation", "\"unbindable\""},
        {"linux.resources.memory.swappiness", "0"},
        {"linux.resources.cpu.idle", "0"},
        {"ociVersion", "\"1.0.2-dev\""},
        {"ociVersion", "\"1.2.0+dev\""},
        {"ociVersion", "\"1.1\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(edit_finish) struct edit edit = {
            .at = SIZE_MAX, .wanted = cases[i].path, .text = cases[i].text};
        copy(&edit, NULL, document, "");
        assert_non_null(edit.value);
        assert_kept(&edit.writer.text);
    }
}

// A wrong type, or a number that no field can hold.
static bool is_wrong(const struct json *value, const char *text) {
    bool word = strchr("tf", *text), string = *text == '"', object = *text == '{', array = *text == '[';
    if (json_is_object(value)) return !object;
    if (json_is_array(value)) return !array;
    if (json_string(value)) return !string;
    return strchr("tf", *json_text(value)) ? !word : true;
}

static void test_wrong_types(void **state) {
    (void)state;
    static const char *const texts[] = {
        "true", "\"x\"", "[]", "{}", "7.5", "1e999", "99999999999999999999999", "-99999999999999999999999",
    };
    for (size_t at = 0, n = places(); at < n; at++) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
            _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
            _cleanup_(edit_finish) struct edit edit = {.at = at, .text = texts[i]};
            struct spec spec = {0};
            struct err err = {0};
            copy(&edit, NULL, document, "");
            if (!is_wrong(edit.value, texts[i])) continue;
            if (parse(&arena, &edit.writer.text, &spec, &err) == 0)
                fail_msg("%s: %s was taken", edit.path, texts[i]);
            if (*edit.path && !str_has_prefix(err.text, edit.path) && strcmp(err.text, "not JSON") != 0)
                fail_msg("%s: %s says: %s", edit.path, texts[i], err.text);
        }
    }
}

// Numbers and words that may be right or not: what is taken is written as what it was taken for.
static void test_other_places(void **state) {
    (void)state;
    static const char *const texts[] = {"null", "0",  "-1", "1", "4294967296", "18446744073709551615",
                                        "\"\"", "[]", "{}"};
    for (size_t at = 0, n = places(); at < n; at++) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
            _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
            _cleanup_(edit_finish) struct edit edit = {.at = at, .text = texts[i]};
            _cleanup_(str_finish) struct str first = {0}, second = {0};
            struct spec spec = {0}, again = {0};
            struct err err = {0};
            copy(&edit, NULL, document, "");
            if (parse(&arena, &edit.writer.text, &spec, &err) < 0) continue;
            write_text(&spec, &first);
            if (parse(&arena, &first, &again, &err) < 0)
                fail_msg("%s: %s, written and read again: %s", edit.path, texts[i], err.text);
            write_text(&again, &second);
            assert_string_equal(str_get(&first), str_get(&second));
        }
    }
}

// Objects whose members are names that somebody chose.
static bool is_map(const char *path) {
    static const char *const maps[] = {"annotations", "linux.sysctl", "linux.netDevices",
                                       "linux.resources.rdma", "linux.resources.unified"};
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        if (strcmp(maps[i], path) == 0) return true;
    }
    return false;
}

static void test_unknown_members(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str expected = {0};
    _cleanup_(edit_finish) struct edit whole = {.at = SIZE_MAX};
    struct spec spec = {0};
    struct err err = {0};
    copy(&whole, NULL, document, "");
    assert_int_equal(parse(&arena, &whole.writer.text, &spec, &err), 0);
    write_text(&spec, &expected);
    for (size_t at = 0; at < whole.count; at++) {
        _cleanup_(str_finish) struct str text = {0};
        _cleanup_(edit_finish) struct edit edit = {.at = at, .member = "inTheYear3000"};
        copy(&edit, NULL, document, "");
        if (!json_is_object(edit.value) || is_map(edit.path)) continue;
        if (parse(&arena, &edit.writer.text, &spec, &err) < 0) fail_msg("%s: %s", edit.path, err.text);
        write_text(&spec, &text);
        assert_string_equal(str_get(&text), str_get(&expected));
    }
}

static void test_cut(void **state) {
    (void)state;
    _cleanup_(edit_finish) struct edit edit = {.at = SIZE_MAX};
    copy(&edit, NULL, document, "");
    for (size_t size = 0; size < edit.writer.text.len; size++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        // In memory of its own, so that a look past the end is seen.
        char *part = arena_memdup(&arena, edit.writer.text.data, size + !size);
        struct json *json = NULL;
        assert_int_not_equal(json_parse(part, size, &json), 0);
    }
}

static void test_depth(void **state) {
    (void)state;
    for (int depth = 1; depth < 200; depth += 3) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        _cleanup_(str_finish) struct str text = {0};
        struct spec spec = {0};
        struct err err = {0};
        str_add(&text, "{\"ociVersion\":\"1.3.0\",\"linux\":{\"resources\":{\"unknown\":");
        for (int i = 0; i < depth; i++) str_add(&text, i % 2 ? "[" : "{\"a\":");
        str_add(&text, "1");
        for (int i = depth; i-- > 0;) str_add(&text, i % 2 ? "]" : "}");
        str_add(&text, "}}}");
        int r = parse(&arena, &text, &spec, &err);
        assert_true(depth < 60 ? r == 0 : depth > 64 ? r < 0 : true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),     cmocka_unit_test(test_other_values),
        cmocka_unit_test(test_wrong_types),     cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_unknown_members), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
