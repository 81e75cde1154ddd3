// SPDX-License-Identifier: Apache-2.0
// The tables themselves: nothing twice, nothing half.
#include "cli/commands.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct command *find(const char *const *argv, const char **ret_form, struct err *err) {
    const struct command_group *group = NULL;
    size_t words = 0;
    return command_find(argv, &words, ret_form, &group, err);
}

static void test_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        assert_true(!commands[i].run == (commands[i].with || commands[i].each));
        assert_non_null(commands[i].arguments);
        for (size_t f = 0; f < ARRAY_SIZE(commands[i].forms) && commands[i].forms[f]; f++) {
            char text[64], *second;
            const char *argv[] = {text, NULL, NULL}, *form = NULL;
            struct err err;
            strcpy(text, commands[i].forms[f]);
            if ((second = strchr(text, ' '))) *second++ = 0;
            argv[1] = second;
            // The first row that has the form is the one that runs: each must find itself.
            assert_ptr_equal(find(argv, &form, &err), &commands[i]);
            assert_string_equal(form, commands[i].forms[f]);
        }
    }
}

static void check_option(option_tables tables, const struct option *option) {
    assert_true(option->name[0] && option->name[0] != '-');
    assert_ptr_equal(option_find(tables, option->name, strlen(option->name)), option);
    if (option->letter) assert_ptr_equal(option_find_letter(tables, option->letter), option);
    // What is shown must work; what is refused is not shown, and has a reason.
    if (option->help) assert_non_null(option->store);
    if (option->choices) assert_non_null(option->value);
    assert_true(!option->store == !!option->refused);
}

static void check_options(option_tables tables) {
    for (size_t t = 0; tables[t]; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            check_option(tables, &tables[t]->rows[i]);
            if (tables[t]->rows[i].store) assert_in_range(tables[t]->rows[i].at, 0, tables[t]->size - 1);
        }
}

static void test_options(void **state) {
    (void)state;
    check_options(global_options);
    for (size_t i = 0; i < command_count; i++) check_options(commands[i].options);
}

static void test_unknown(void **state) {
    (void)state;
    static const struct {
        const char *argv[3], *sentence;
    } cases[] = {
        {{"nope"}, "unknown command: hoy nope"},
        {{"container", "nope"}, "unknown command: hoy container nope"},
        {{"build", "."}, "hoy build is not supported yet"},
        {{"swarm", "init"}, "hoy swarm is not supported yet"},
        {{"image", "build"}, "hoy image build is not supported yet"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *form;
        struct err err = {0};
        assert_null(find(cases[i].argv, &form, &err));
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static void test_groups(void **state) {
    (void)state;
    const char *argv[] = {"container", NULL};
    const struct command_group *group = NULL;
    const char *form;
    size_t words;
    struct err err = {0};
    assert_null(command_find(argv, &words, &form, &group, &err));
    assert_string_equal(group->name, "container");
    assert_int_equal(err.kind, ERR_NONE);
}

static void test_count(void **state) {
    (void)state;
    static const struct {
        int min, max;
        size_t given;
        const char *sentence;
    } cases[] = {
        {1, -1, 0, "'hoy x' requires at least 1 argument"},
        {2, -1, 1, "'hoy x' requires at least 2 arguments"},
        {1, 1, 2, "'hoy x' requires 1 argument"},
        {0, 1, 2, "'hoy x' requires at most 1 argument"},
        {0, 0, 1, "'hoy x' accepts no arguments"},
        {1, 1, 1, NULL},
        {0, -1, 9, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct command command = {.min = cases[i].min, .max = cases[i].max};
        struct invocation invocation = {.command = &command, .form = "x", .arguments.count = cases[i].given};
        struct err err = {0};
        assert_int_equal(options_check_count(&invocation, &err), cases[i].sentence ? -1 : 0);
        if (cases[i].sentence) assert_string_equal(err.text, cases[i].sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_count), cmocka_unit_test(test_forms),
                                       cmocka_unit_test(test_options), cmocka_unit_test(test_unknown),
                                       cmocka_unit_test(test_groups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
