// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include "base/macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char document[] =
    "{\"Id\":\"abc\",\"State\":{\"Running\":true,\"Pid\":42,\"Error\":\"\"},"
    "\"Args\":[\"-c\",\"a b\"],\"Config\":{\"Labels\":{\"b\":\"2\",\"a\":\"1\"},\"Entrypoint\":null},"
    "\"Mounts\":[{\"Source\":\"/a\"},{\"Source\":\"/b\"}],\"HostConfig\":{\"PidsLimit\":null},"
    "\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"10.0.0.2\"}}}}";

static int render(const char *template, struct str *text, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    assert_int_equal(json_parse(document, sizeof document - 1, &json), 0);
    return format_template(template, json, text, err);
}

static void test_templates(void **state) {
    (void)state;
    static const struct {
        const char *template, *text;
    } cases[] = {
        {"", ""},
        {"plain }} text", "plain }} text"},
        {"{{.Id}}", "abc"},
        {"<{{ .State.Pid }}>", "<42>"},
        {"{{.State.Running}} {{.State.Error}}|", "true |"},
        {"{{.Args}} {{.Config.Labels}}", "[-c a b] map[a:1 b:2]"},
        {"{{json .State}}", "{\"Running\":true,\"Pid\":42,\"Error\":\"\"}"},
        {"{{.Args | json}} {{json .Config.Entrypoint}}", "[\"-c\",\"a b\"] null"},
        {"{{.Config.Entrypoint}} {{.HostConfig.PidsLimit}}", "[] <nil>"},
        {"{{index .Args 1}} {{index .Config.Labels \"a\"}}[{{index .Config.Labels \"x\"}}]", "a b 1[]"},
        {"{{.Config.Labels.a}} {{.Config.Labels.zz}}", "1 <no value>"},
        {"{{len .Args}} {{len .Id}} {{upper .Id}} {{.Id | upper | lower}} {{title .Id}}", "2 3 ABC abc Abc"},
        {"{{join .Args \", \"}} {{index (split \"a/b\" \"/\") 1}}", "-c, a b b"},
        {"{{if .State.Running}}up{{else}}down{{end}}", "up"},
        {"{{if .State.Error}}bad{{else if eq .Id \"abc\"}}abc{{else}}x{{end}}!", "abc!"},
        {"{{if not .State.Running}}{{.Nonsense}}{{end}}ok", "ok"},
        {"{{range .Mounts}}{{.Source}} {{end}}", "/a /b "},
        {"{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}};{{end}}", "0=/a;1=/b;"},
        {"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{$.Id}},{{end}}", "a=1 abc,b=2 abc,"},
        {"{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "10.0.0.2"},
        {"{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none"},
        {"{{with .State}}{{.Pid}}{{end}}{{with .State.Error}}x{{else}}none{{end}}", "42none"},
        {"a {{- .Id -}} b", "aabcb"},
        {"{{/* note */}}{{println .Id 1}}", "abc 1\n"},
        {"{{and .State.Running .Id}} {{or .State.Error \"x\"}} {{ne 1 2}}", "abc x true"},
        {"{{`raw`}} {{\"q\\\"\\t\"}} {{true}} {{(index .Mounts 0).Source}}", "raw q\"\t true /a"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(str_finish) struct str text = {0};
        struct err err = {0};
        if (render(cases[i].template, &text, &err) < 0) fail_msg("%s", err.text);
        assert_string_equal(str_get(&text), cases[i].text);
    }
}

static void test_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *template, *part;
    } cases[] = {
        {"{{", "a value is missing"},
        {"{{.Id", "not closed"},
        {"{{}}", "a value is missing"},
        {"{{.Nope}}", "there is no field .Nope"},
        {"{{.Id.x}}", "there is no field .x"},
        {"{{.State.Nope.x}}", "there is no field .Nope"},
        {"{{printf \"%d\" 1}}", "the function 'printf' is not supported"},
        {"{{.Id .Id}}", "too many arguments"},
        {"{{json}}", "arguments are missing"},
        {"{{.Id | .State}}", "function"},
        {"{{index .Args 5}}", "out of range"},
        {"{{index .Args -1}}", "out of range"},
        {"{{index .Args \"a\"}}", "must be a number"},
        {"{{index .Id 0}}", "neither"},
        {"{{\"open}}", "not closed"},
        {"{{(.Id}}", "not closed"},
        {"{{if .Id}}x", "{{end}} is missing"},
        {"{{if .Id}}a{{else}}b{{else}}c{{end}}", "second {{else}}"},
        {"{{end}}", "nothing that it belongs to"},
        {"x{{else}}y{{end}}", "nothing that it belongs to"},
        {"{{range .Id}}x{{end}}", "list or a map"},
        {"{{$x}}", "no variable $x"},
        {"{{99999999999999999999}}", "out of range"},
        {"{{#}}", "can't make sense"},
        {"{{((((((((((((((((((((((((((((((((((((.Id))))))))))))))))))))))))))))))))))))}}", "too deep"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(str_finish) struct str text = {0};
        struct err err = {0};
        if (render(cases[i].template, &text, &err) == 0) fail_msg("taken: %s", cases[i].template);
        if (!strstr(err.text, cases[i].part)) fail_msg("%s", err.text);
    }
}

static const struct format_column columns[] = {
    {"NAME", "Name"}, {"SIZE", "Size"}, {NULL, NULL}, {"EXTRA", "Extra"}, {NULL, NULL},
};

static void test_rows(void **state) {
    (void)state;
    static const char rows[] = "[{\"Name\":\"a-long-name\",\"Size\":\"1\",\"Extra\":\"e\"},"
                               "{\"Name\":\"b\",\"Size\":\"2\",\"Extra\":\"tab\\there\"}]";
    static const struct {
        const char *format, *text;
    } cases[] = {
        {NULL, "NAME          SIZE\na-long-name   1\nb             2\n"},
        {"table", "NAME          SIZE\na-long-name   1\nb             2\n"},
        {"table {{.Extra}}\\t{{.Size}}", "EXTRA     SIZE\ne         1\ntab       here\n"},
        {"{{.Name}}\\n", "a-long-name\n\nb\n\n"},
        {"json", "{\"Name\":\"a-long-name\",\"Size\":\"1\",\"Extra\":\"e\"}\n"
                 "{\"Name\":\"b\",\"Size\":\"2\",\"Extra\":\"tab\\there\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = NULL;
        size_t size;
        struct err err = {0};
        FILE *out = open_memstream(&text, &size);
        assert_int_equal(format_rows(cases[i].format, columns, rows, out, &err), 0);
        fclose(out);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_templates), cmocka_unit_test(test_mistakes),
                                       cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
