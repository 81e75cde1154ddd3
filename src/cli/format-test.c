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

// What is printed into out, until closed.
struct output {
    FILE *out;
    char *text;
    size_t size;
};

static void output_open(struct output *output) {
    output->out = open_memstream(&output->text, &output->size);
}

static void output_is(struct output *output, const char *text) {
    fclose(output->out);
    assert_string_equal(output->text, text);
    free(output->text);
}

struct row {
    const char *name, *size;
};

static const char *row_name(struct arena *arena, const void *row, const char *argument) {
    (void)arena, (void)argument;
    return ((const struct row *)row)->name;
}

static const char *row_size(struct arena *arena, const void *row, const char *argument) {
    (void)arena, (void)argument;
    return ((const struct row *)row)->size;
}

static const struct value_method methods[] = {{"ID", "NAME", row_name, false},
                                              {"Size", "SIZE", row_size, false}};
static const struct format_listing listing = {
    .rows = {"*formatter.Context", methods, ARRAY_SIZE(methods)},
    .table = "{{.ID}}\t{{.Size}}",
    .raw = "id: {{.ID}}\nsize: {{.Size}}\n",
    .raw_quiet = "id: {{.ID}}",
};

static int list(const char *text, bool quiet, FILE *out, struct err *err) {
    static const struct row rows[] = {{"a-long-name", "1"}, {"b", "tab\there"}};
    _cleanup_(format_finish) struct format format = {0};
    if (format_begin(&format, &listing, text, quiet, err) < 0) return -1;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (format_add(&format, &rows[i], err) < 0) return -1;
    format_print(&format, out);
    return 0;
}

static void test_listing(void **state) {
    (void)state;
    static const char plain[] = "NAME          SIZE\na-long-name   1\nb             tab\n";
    static const struct {
        const char *format;
        bool quiet;
        const char *text;
    } cases[] = {
        {NULL, false, plain},
        {"", false, plain},
        {"table", false, plain},
        {"table", true, "a-long-name\nb\n"},
        {NULL, true, "a-long-name\nb\n"},
        {"raw", false, "id: a-long-name\nsize: 1\n\nid: b\nsize: tab\there\n\n"},
        {"raw", true, "id: a-long-name\nid: b\n"},
        {"table {{.Size}}\\t{{upper .ID}}", false, "SIZE      NAME\n1         A-LONG-NAME\ntab       here\n"},
        {"{{.ID}}\\n", false, "a-long-name\n\nb\n\n"},
        {" {{.ID}} ", true, "a-long-name\nb\n"},
        {"json", false, "{\"ID\":\"a-long-name\",\"Size\":\"1\"}\n{\"ID\":\"b\",\"Size\":\"tab\\there\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct output output;
        struct err err = {0};
        output_open(&output);
        assert_int_equal(list(cases[i].format, cases[i].quiet, output.out, &err), 0);
        output_is(&output, cases[i].text);
    }
}

static void test_listing_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *format, *error;
    } cases[] = {
        {"{{", "template parsing error: template: :1: unclosed action"},
        {"table {{.ID}}\\t{{x}}", "template parsing error: template: :1: function \"x\" not defined"},
        {"{{.Foo}}",
         "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in "
         "type *formatter.Context"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct output output;
        struct err err = {0};
        output_open(&output);
        assert_int_equal(list(cases[i].format, false, output.out, &err), -1);
        output_is(&output, "");
        assert_string_equal(err.text, cases[i].error);
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
        {"table {{.Extra}}\\t{{.Size}}", "EXTRA     SIZE\ne         1\ntab       here\n"},
        {"{{.Name}}\\n", "a-long-name\n\nb\n\n"},
        {"json", "{\"Name\":\"a-long-name\",\"Size\":\"1\",\"Extra\":\"e\"}\n"
                 "{\"Name\":\"b\",\"Size\":\"2\",\"Extra\":\"tab\\there\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct output output;
        struct err err = {0};
        output_open(&output);
        assert_int_equal(format_rows(cases[i].format, "row", columns, rows, output.out, &err), 0);
        output_is(&output, cases[i].text);
    }
}

static void test_documents(void **state) {
    (void)state;
    static const char documents[] = "[{\"Id\":\"a\",\"State\":{\"Pid\":5}},{\"Id\":\"b\",\"Mounts\":[]}]";
    static const struct {
        const char *format, *text, *error;
    } cases[] = {
        {"json", "[{\"Id\":\"a\",\"State\":{\"Pid\":5}},{\"Id\":\"b\",\"Mounts\":[]}]\n", ""},
        {"{{.ID}}", "a\nb\n", ""},
        {"{{.Id}}", "a\nb\n", ""},
        {"{{.State.Pid}}", "5\n",
         "template parsing error: template: :1:8: executing \"\" at <.State.Pid>: map has no entry for key "
         "\"State\""},
        {"{{.Id}}{{.ID}}", "\n",
         "template parsing error: template: :1:9: executing \"\" at <.ID>: map has no entry for key \"ID\""},
        {"{{.State.Pid", "", "template parsing error: template: :1: unclosed action"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct output output;
        struct err err = {0};
        output_open(&output);
        int r = format_documents(cases[i].format, documents, output.out, &err);
        output_is(&output, cases[i].text);
        assert_string_equal(r < 0 ? err.text : "", cases[i].error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_listing),
                                       cmocka_unit_test(test_listing_mistakes), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_documents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
