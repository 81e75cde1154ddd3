// SPDX-License-Identifier: Apache-2.0
// vectors/ has templates with what Go itself prints and says; make.go there made them. Below is what they
// can't show: what later versions of Go added, structs, rows, and limits.
#include "template/template.h"

#include "base/fd.h"
#include "template/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *load(const char *path) {
    _cleanup_(str_finish) struct str text = {0};
    struct json *json = NULL;
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text), 0);
    assert_int_equal(json_parse(text.data, text.len, &json), 0);
    return json;
}

static int run(const char *text, const struct value *dot, const struct template_options *options,
               struct str *out, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct template *template;
    if (template_parse(&arena, "", text, &template, err) < 0) return -1;
    return template_execute(template, dot, options, out, err);
}

static void expect(const char *text, const struct value *dot, const struct template_options *options,
                   const char *wanted, const char *wanted_error) {
    _cleanup_(str_finish) struct str out = {0};
    struct err err = {0};
    int r = run(text, dot, options, &out, &err);
    const char *error = r < 0 ? err.text : "";
    if (!str_eq(str_get(&out), wanted) || strncmp(error, wanted_error, sizeof err.text - 1) != 0)
        fail_msg("%s\nprints %s|%s\nnot    %s|%s", text, str_get(&out), error, wanted, wanted_error);
}

static void test_vectors(void **state) {
    (void)state;
    _cleanup_(json_freep) struct json *document = load(VECTORS "/document.json");
    _cleanup_(json_freep) struct json *vectors = load(VECTORS "/templates.json");
    static const struct template_options strict = {.missing_key_fails = true};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct value dot = document_raw(&arena, document);
    assert_true(json_length(vectors) > 250);
    for (size_t i = 0; i < json_length(vectors); i++) {
        const char *part[5];
        for (size_t j = 0; j < 5; j++) part[j] = json_string(json_at(json_at(vectors, i), j));
        expect(part[0], &dot, NULL, part[1], part[2]);
        expect(part[0], &dot, &strict, part[3], part[4]);
    }
}

// Cut at every byte, and with bytes in wrong places: whatever comes out, it is either good or said to be
// wrong.
static void test_broken(void **state) {
    (void)state;
    static const char strange[] = "{}()|.$:=,\"'`-/*\n \x01\xc3%0e";
    _cleanup_(json_freep) struct json *document = load(VECTORS "/document.json");
    _cleanup_(json_freep) struct json *vectors = load(VECTORS "/templates.json");
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct value dot = document_raw(&arena, document);
    unsigned seed = 1;
    for (size_t i = 0; i < json_length(vectors); i++) {
        const char *whole = json_string(json_at(json_at(vectors, i), 0));
        for (size_t length = strlen(whole); length-- > 0;) {
            _cleanup_(arena_finish) struct arena here = ARENA_INIT;
            _cleanup_(str_finish) struct str out = {0};
            struct err err = {0};
            char *text = arena_strndup(&here, whole, length), *other = arena_strdup(&here, whole);
            other[length] = strange[(seed = seed * 1103515245 + 12345) / 65536 % (sizeof strange - 1)];
            if (run(text, &dot, NULL, &out, &err) < 0) assert_true(str_has_prefix(err.text, "template: :"));
            if (run(other, &dot, NULL, &out, &err) < 0) assert_true(str_has_prefix(err.text, "template: :"));
        }
    }
}

// As Go 1.24 has it, which Docker 28 is made with.
static void test_later(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted, *error;
    } cases[] = {
        {"{{range 3}}{{.}} {{end}}{{range $i := 2}}{{$i}}{{end}}{{range 0}}{{else}}none{{end}}",
         "0 1 2 01none", ""},
        {"{{range $i, $j := 3}}{{end}}", "",
         "template: :1:18: executing \"\" at <3>: can't use 3 to iterate over more than one variable"},
        {"{{with \"\"}}a{{else with \"x\"}}b{{.}}{{else}}c{{end}}", "bx", ""},
        {"{{with \"\"}}a{{else if 1}}b{{end}}", "", "template: :1: unexpected <if> in input"},
        {"{{1)}}", "", "template: :1: unexpected right paren"},
        {"{{call 1}}", "",
         "template: :1:2: executing \"\" at <call 1>: error calling call: non-function 1 of type int"},
        {"{{$x := 1}}{{range $x = 3}}{{$x}}{{end}}{{$x}}", "0122", ""},
    };
    struct value dot = value_none();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect(cases[i].text, &dot, NULL, cases[i].wanted, cases[i].error);
}

static const struct document_field fields[] = {
    {"", "ID", "Id", "string", false},
    {"", NULL, "State", "*container.State", false},
    {"State", NULL, "Health", "*container.Health", true},
    {"", NULL, "Labels", "map[string]string", false},
    {"", NULL, "Env", "[]string", false},
    {"", NULL, "Limit", "*int64", false},
    {"", NULL, "Volumes", "map[string]struct {}", true},
    {"", NULL, "Networks", "map[string]*network.EndpointSettings", false},
    {"Networks", "IPAddress", "ipAddress", "string", false},
    {"Mounts", NULL, "Type", "string", false},
    {"Mounts", NULL, "Name", "string", true},
    {"Mounts", NULL, "At", "time.Time", false},
};
static const struct document_type type = {"types.Thing", fields, ARRAY_SIZE(fields)};

// As Go 1.24 prints time.Duration.
static void test_durations(void **state) {
    (void)state;
    static const struct document_field only[] = {{"", NULL, "D", "time.Duration", false}};
    static const struct document_type durations = {"types.D", only, 1};
    static const struct {
        const char *ns, *wanted;
    } cases[] = {
        {"0", "0s"},
        {"1", "1ns"},
        {"1500", "1.5µs"},
        {"20000000", "20ms"},
        {"1000000000", "1s"},
        {"-1500000000", "-1.5s"},
        {"90000000000", "1m30s"},
        {"3600000000001", "1h0m0.000000001s"},
        {"9223372036854775807", "2562047h47m16.854775807s"},
        {"-9223372036854775808", "-2562047h47m16.854775808s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct err err = {0};
        struct str text = {0}, out = {0};
        struct json *json = NULL;
        const struct template *template;
        str_printf(&text, "{\"D\":%s}", cases[i].ns);
        assert_int_equal(json_parse(str_get(&text), text.len, &json), 0);
        struct value value = document_typed(&arena, json, &durations);
        assert_int_equal(template_parse(&arena, "", "{{.D}} {{printf \"%v %d\" .D .D}}", &template, &err), 0);
        assert_int_equal(template_execute(template, &value, NULL, &out, &err), 0);
        _cleanup_(str_finish) struct str wanted = {0};
        str_printf(&wanted, "%s %s %s", cases[i].wanted, cases[i].wanted, cases[i].ns);
        assert_string_equal(str_get(&out), str_get(&wanted));
        json_free(json);
        str_finish(&text);
        str_finish(&out);
        arena_finish(&arena);
    }
}

static void test_structs(void **state) {
    (void)state;
    static const char text[] =
        "{\"Id\":\"a\",\"State\":{\"Pid\":5,\"Rate\":0.5},\"Labels\":{\"b\":\"2\",\"a\":\"1\"},"
        "\"Env\":null,\"Limit\":null,\"size\":12345678901,\"Mounts\":[{\"At\":\"2026-11-23T21:44:38.5Z\","
        "\"Type\":\"bind\"}],"
        "\"Networks\":{\"n\":{\"ipAddress\":"
        "\"1.2.3.4\"}}}";
    static const struct {
        const char *text, *wanted, *error;
    } cases[] = {
        {"{{.ID}} {{.State.Pid}} {{.Size}} {{.Labels}} {{.Env}} {{.Limit}} {{.Volumes}}",
         "a 5 12345678901 map[a:1 b:2] [] <nil> map[]", ""},
        {"{{.Id}}", "",
         "template: :1:2: executing \"\" at <.Id>: can't evaluate field Id in type types.Thing"},
        {"{{.State.Nope}}", "",
         "template: :1:8: executing \"\" at <.State.Nope>: can't evaluate field Nope in type "
         "*container.State"},
        {"{{.State.Health}} {{if .State.Health}}x{{else}}y{{end}}", "<nil> y", ""},
        {"{{.State.Health.Status}}", "",
         "template: :1:8: executing \"\" at <.State.Health.Status>: nil pointer evaluating "
         "*container.Health.Status"},
        {"{{.State}} {{printf \"%v %+v\" .State .State}}",
         "{5 0.5 <nil>} &{5 0.5 <nil>} &{Pid:5 Rate:0.5 Health:<nil>}", ""},
        {"{{json .State}} {{json .}}",
         "{\"Pid\":5,\"Rate\":0.5} "
         "{\"Id\":\"a\",\"State\":{\"Pid\":5,\"Rate\":0.5},\"Labels\":{\"a\":\"1\",\"b\":\"2\"}"
         ",\"Env\":null,\"Limit\":null,\"size\":12345678901,"
         "\"Mounts\":[{\"Type\":\"bind\",\"At\":\"2026-11-23T21:44:38.5Z\"}],"
         "\"Networks\":{\"n\":{\"ipAddress\":\"1.2.3.4\"}}"
         "}",
         ""},
        {"{{.Labels.x}} {{index .Labels \"x\"}}| {{index .Labels \"a\"}}", "<no value> | 1", ""},
        {"{{.State.Pid 1}}", "",
         "template: :1:8: executing \"\" at <.State.Pid>: Pid has arguments but cannot be invoked as "
         "function"},
        {"{{.Mounts}} {{range .Mounts}}{{.At}}{{end}}",
         "[{bind  2026-11-23 21:44:38.5 +0000 UTC}] 2026-11-23 21:44:38.5 +0000 UTC", ""},
        {"{{range $k, $v := .Networks}}{{$k}} {{$v.IPAddress}}{{end}}", "n 1.2.3.4", ""},
        {"{{eq .State.Pid 5}} {{lt .State.Rate 1.0}} {{len .Env}} {{join .Env \",\"}}", "true true 0 ", ""},
        {"{{range .State}}{{end}}", "",
         "template: :1:8: executing \"\" at <.State>: range can't iterate over {5 0.5 <nil>}"},
    };
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    assert_int_equal(json_parse(text, sizeof text - 1, &json), 0);
    struct value dot = document_typed(&arena, json, &type);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect(cases[i].text, &dot, NULL, cases[i].wanted, cases[i].error);
}

static const char *row_name(struct arena *arena, const void *row, const char *argument) {
    (void)argument;
    return arena_strdup(arena, row);
}

static const char *row_label(struct arena *arena, const void *row, const char *argument) {
    return arena_printf(arena, "%s/%s", (const char *)row, argument);
}

static const struct value_method methods[] = {{"Names", "NAMES", row_name, false},
                                              {"ID", "CONTAINER ID", row_name, false},
                                              {"Label", NULL, row_label, true}};
static const struct value_row row_type = {"*formatter.Context", methods, ARRAY_SIZE(methods)};

static void test_rows(void **state) {
    (void)state;
    static const struct template_options headings = {.headings = true};
    static const struct {
        const char *text, *wanted, *error, *heading;
    } cases[] = {
        {"{{.ID}}\t{{.Names}}", "<x>\t<x>", "", "CONTAINER ID\tNAMES"},
        {"{{.Label \"com.example.some-name\"}}", "<x>/com.example.some-name", "", "some name"},
        {"{{json .}}", "{\"ID\":\"\\u003cx\\u003e\",\"Names\":\"\\u003cx\\u003e\"}", "", ""},
        {"{{upper .ID}}{{pad .ID 1 1}}{{truncate .ID 1}}{{len .ID}}", "<X> <x> <3", "",
         "CONTAINER ID CONTAINER ID CONTAINER ID12"},
        {"{{.ID 1}}", "",
         "template: :1:2: executing \"\" at <.ID>: wrong number of args for ID: want 0 got 1", ""},
        {"{{.Label}}", "",
         "template: :1:2: executing \"\" at <.Label>: wrong number of args for Label: want 1 got 0", ""},
        {"{{.Label 5}}", "", "template: :1:9: executing \"\" at <5>: expected string; found 5", ""},
        {"{{\"a\" | .Label}}", "<x>/a", "", "a"},
        {"{{.Foo}}", "",
         "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.Context",
         "<no value>"},
    };
    struct value dot = value_of_row(&row_type, "<x>"), none = value_of_row(&row_type, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(str_finish) struct str out = {0};
        struct err ignored;
        expect(cases[i].text, &dot, NULL, cases[i].wanted, cases[i].error);
        (void)run(cases[i].text, &none, &headings, &out, &ignored);
        assert_string_equal(str_get(&out), cases[i].heading);
    }
}

static void repeat(struct str *text, const char *part, int times) {
    while (times--) str_add(text, part);
}

static void refuse(const char *text, const char *part) {
    _cleanup_(str_finish) struct str out = {0};
    struct value dot = value_integer(1);
    struct err err = {0};
    if (run(text, &dot, NULL, &out, &err) == 0) fail_msg("taken: %.80s, %zu bytes come out", text, out.len);
    if (!strstr(err.text, part)) fail_msg("%s", err.text);
}

// What is long is whole.
static void test_long(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str long_text = {0}, out = {0};
    struct err err = {0};
    for (size_t i = 0; i < 1 << 20; i++) str_add(&long_text, "0123456789abcdef");
    struct value dot = value_text_n(long_text.data, long_text.len);
    assert_int_equal(run("{{.}}{{.}}{{5}}", &dot, NULL, &out, &err), 0);
    assert_int_equal(out.len, 2 * long_text.len + 1);
}

static void test_limits(void **state) {
    (void)state;
    static const char *const deep[] = {"{{if .}}", "{{range .}}", "{{with 1}}", "{{block \"a\" .}}",
                                       "{{if 0}}{{else if .}}"};
    for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
        _cleanup_(str_finish) struct str text = {0};
        repeat(&text, deep[i], 100000);
        refuse(str_get(&text), "nested deeper");
    }
    _cleanup_(str_finish) struct str parentheses = {0}, comments = {0}, doubled = {0}, wide = {0},
                                     parts = {0};
    str_add(&parentheses, "{{");
    repeat(&parentheses, "(", 100000);
    refuse(str_get(&parentheses), "nested deeper");
    repeat(&comments, "{{/**/}}", 100000);
    str_add(&comments, "{{.x}}");
    refuse(str_get(&comments), "can't evaluate field x");
    refuse("{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}", "exceeded maximum template depth");
    refuse("{{define \"a\"}}{{if 1}}{{with 1}}{{template \"a\"}}{{end}}{{end}}{{end}}{{template \"a\"}}",
           "exceeded maximum template depth");
    str_add(&doubled, "{{$x := \"0123456789\"}}");
    repeat(&doubled, "{{$x = print $x $x}}", 60);
    refuse(str_get(&doubled), "the text is too long");
    str_add(&parts, "{{$x := \"0123456789\"}}");
    repeat(&parts, "{{$x = print $x $x}}", 18);
    str_add(&parts, "{{len (split $x \"\")}}");
    refuse(str_get(&parts), "too many parts");
    str_add(&wide, "{{printf \"");
    repeat(&wide, "%9999999d", 1000);
    str_add(&wide, "\"");
    repeat(&wide, " 1", 1000);
    str_add(&wide, "}}");
    refuse(str_get(&wide), "error calling printf");
    refuse("{{range 1000000000}}{{$x := print .}}{{end}}", "it takes too much");
    refuse("{{range 1000000000}}0123456789012345678901234567890123456789{{end}}", "MiB come out of it");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_broken),
                                       cmocka_unit_test(test_later),   cmocka_unit_test(test_durations),
                                       cmocka_unit_test(test_structs), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_long),    cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
