// SPDX-License-Identifier: Apache-2.0
#include "args/options.h"

#include "base/str.h"
#include "oci/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
    bool interactive, tty, detach, proxy_off;
    const char *name;
    struct strings env;
    struct spec_i64 number;
    struct spec_u64 shares;
    uint64_t size;
};

static const struct option rows[] = {
    {"interactive", 'i', NULL, "i", store_flag, offsetof(struct values, interactive)},
    {"tty", 't', NULL, "t", store_flag, offsetof(struct values, tty)},
    {"detach", 'd', NULL, "d", store_flag, offsetof(struct values, detach)},
    {"sig-proxy", 0, NULL, "s", store_off, offsetof(struct values, proxy_off)},
    {"name", 'n', "string", "n", store_string, offsetof(struct values, name)},
    {"env", 'e', "list", "e", store_list, offsetof(struct values, env)},
    {"number", 0, "int", "i", store_i64, offsetof(struct values, number)},
    {"shares", 0, "int", "i", store_u64, offsetof(struct values, shares)},
    {"size", 'm', "bytes", "m", store_size, offsetof(struct values, size)},
    OPTION_REFUSED("publish", 'p', "it is for others"),
};
static const struct option_table table = OPTIONS(rows, struct values);
static const struct option_table *const tables[] = {&table, NULL};

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct fixture {
    struct arena arena;
    struct values values;
    struct options_reader reader;
    struct err err;
};

static int read_words(struct fixture *f, bool stops, const char *const *words) {
    *f = (struct fixture){.reader = {.tables = tables, .stops = stops}};
    f->reader.values = &f->values;
    return options_read(&f->arena, &f->reader, words, &f->err);
}

static void test_forms(void **state) {
    (void)state;
    struct fixture f;
    const char *const *words = WORDS("-itd", "--name=x", "-eA=1", "-e=B=2", "--env", "C=-3", "--size", "64m",
                                     "a", "--number", "-5", "b", "--", "-i", "c");
    assert_int_equal(read_words(&f, false, words), 0);
    assert_true(f.values.interactive && f.values.tty && f.values.detach);
    assert_string_equal(f.values.name, "x");
    assert_int_equal(f.values.env.count, 3);
    assert_string_equal(f.values.env.items[0], "A=1");
    assert_string_equal(f.values.env.items[1], "B=2");
    assert_string_equal(f.values.env.items[2], "C=-3");
    assert_int_equal(f.values.size, 64 << 20);
    assert_true(f.values.number.set);
    assert_int_equal(f.values.number.value, -5);
    assert_false(f.values.shares.set);
    assert_int_equal(f.reader.arguments.count, 2);
    assert_string_equal(words[f.reader.taken], "-i");
    arena_finish(&f.arena);
}

static void test_flag_values(void **state) {
    (void)state;
    struct fixture f;
    assert_int_equal(read_words(&f, false, WORDS("-i", "--interactive=false", "-t=false", "--sig-proxy=0")),
                     0);
    assert_false(f.values.interactive || f.values.tty);
    assert_true(f.values.proxy_off);
    arena_finish(&f.arena);
    // What follows a flag is not its value.
    assert_int_equal(read_words(&f, false, WORDS("--tty", "false", "-")), 0);
    assert_true(f.values.tty);
    assert_int_equal(f.reader.arguments.count, 2);
    assert_string_equal(f.reader.arguments.items[1], "-");
    arena_finish(&f.arena);
}

// Somebody's command keeps its own options.
static void test_stops(void **state) {
    (void)state;
    struct fixture f;
    assert_int_equal(read_words(&f, true, WORDS("-i", "image", "-t", "--foo")), 0);
    assert_false(f.values.tty);
    assert_int_equal(f.reader.taken, 1);
    arena_finish(&f.arena);
}

static void test_help(void **state) {
    (void)state;
    struct fixture f;
    assert_int_equal(read_words(&f, true, WORDS("--help", "--nonsense")), 0);
    assert_true(f.reader.help);
    arena_finish(&f.arena);
    assert_int_equal(read_words(&f, true, WORDS("-h")), 0);
    assert_true(f.reader.help);
    arena_finish(&f.arena);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *words[4], *sentence;
    } cases[] = {
        {{"--foo"}, "unknown flag: --foo"},
        {{"--foo=bar"}, "unknown flag: --foo"},
        {{"--na"}, "unknown flag: --na"},
        {{"--names"}, "unknown flag: --names"},
        {{"--=x"}, "bad flag syntax: --=x"},
        {{"---"}, "unknown flag: ---"},
        {{"-ix"}, "unknown shorthand flag: 'x' in -ix"},
        {{"--name"}, "flag needs an argument: --name"},
        {{"-in"}, "flag needs an argument: 'n' in -in"},
        {{"--publish", "80"}, "--publish is not supported: it is for others"},
        {{"--publish=80"}, "--publish is not supported: it is for others"},
        {{"-p80"}, "--publish is not supported: it is for others"},
        {{"--tty=maybe"}, "invalid argument \"maybe\" for \"-t, --tty\" flag: it is either true or false"},
        {{"--tty="}, "invalid argument \"\" for \"-t, --tty\" flag: it is either true or false"},
        {{"--number", "1.5"}, "invalid argument \"1.5\" for \"--number\" flag: it is no whole number"},
        {{"--number", "99999999999999999999"},
         "invalid argument \"99999999999999999999\" for \"--number\" flag: the number is out of range"},
        {{"--shares", "-1"}, "invalid argument \"-1\" for \"--shares\" flag: it is no whole number"},
        {{"-m", "-1"}, "invalid argument \"-1\" for \"-m, --size\" flag: it is no size, as in 64m or 1.5g"},
        {{"-m", ""}, "invalid argument \"\" for \"-m, --size\" flag: it is no size, as in 64m or 1.5g"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        assert_int_equal(read_words(&f, false, cases[i].words), -1);
        assert_string_equal(f.err.text, cases[i].sentence);
        assert_int_equal(f.err.kind, ERR_INVALID);
        arena_finish(&f.arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms), cmocka_unit_test(test_flag_values), cmocka_unit_test(test_stops),
        cmocka_unit_test(test_help),  cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
