// SPDX-License-Identifier: Apache-2.0
#include "shim/detach.h"

#include "base/macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_grammar(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *keys;
    } good[] = {
        {NULL, 2, "\x10\x11"},
        {"", 2, "\x10\x11"},
        {"ctrl-p,ctrl-q", 2, "\x10\x11"},
        {"ctrl-@", 1, "\0"},
        {"a,b", 2, "ab"},
        {"ctrl-[", 1, "\x1b"},
        {"ctrl-\\,ctrl-],ctrl-^,ctrl-_", 4, "\x1c\x1d\x1e\x1f"},
        {"ctrl-a,ctrl-z,DEL,-", 4, "\x01\x1a\x7f-"},
    };
    static const char *const bad[] = {"ctrl-", "ctrl-A",  "ctrl-1", "ab",  ",", "a,",
                                      "a,,b",  "ctrl-aa", "CTRL-a", "del", "é", "ctrl-p ,ctrl-q"};
    struct detach detach;
    struct err err;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(detach_parse(good[i].text, &detach, &err), 0);
        assert_int_equal(detach.count, good[i].count);
        assert_memory_equal(detach.keys, good[i].keys, good[i].count);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(detach_parse(bad[i], &detach, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.text, bad[i]));
    }
}

// Types the text in pieces of every size; yields what came through, and whether it detached.
static bool type(const char *keys, const char *typed, size_t piece, char *ret_output) {
    struct detach detach;
    struct err err;
    size_t size = strlen(typed), done = 0;
    assert_int_equal(detach_parse(keys, &detach, &err), 0);
    for (size_t i = 0; i < size; i += piece) {
        uint8_t output[256];
        size_t n, now = size - i < piece ? size - i : piece;
        bool left = detach_filter(&detach, (const uint8_t *)typed + i, now, output, &n);
        memcpy(ret_output + done, output, n);
        done += n;
        ret_output[done] = 0;
        if (left) return true;
    }
    return false;
}

static void test_filter(void **state) {
    (void)state;
    static const struct {
        const char *keys, *typed, *output;
        bool detached;
    } cases[] = {
        {"a,b", "xaby", "x", true},
        {"a,b", "aab", "a", true},
        {"a,b", "axb", "axb", false},
        {"a,b", "a", "", false}, // held
        {"a,a,b", "aaab", "a", true},
        {"a,b,a,c", "ababac", "ab", true},
        {"a,b,a,c", "abaabac", "aba", true},
        {"a", "xyza", "xyz", true},
        {NULL, "\x10x\x11", "\x10x\x11", false},
        {NULL, "l\x10\x10\x11", "l\x10", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t piece = 1; piece < 8; piece++) {
            char output[256] = "";
            assert_int_equal(type(cases[i].keys, cases[i].typed, piece, output), cases[i].detached);
            assert_string_equal(output, cases[i].output);
        }
}

// Against the plain definition: it detaches at the first place where the keys stand in what was typed, and
// everything before, but for a beginning that may still go on, comes through.
static void test_random(void **state) {
    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char keys[16] = "", plain[8] = "", typed[64], output[256] = "";
        int count = 1 + rand() % 4, length = rand() % 60;
        for (int i = 0; i < count; i++) {
            plain[i] = (char)('a' + rand() % 2);
            strcat(keys, i ? "," : "");
            keys[strlen(keys)] = plain[i];
        }
        for (int i = 0; i < length; i++) typed[i] = (char)('a' + rand() % 3);
        typed[length] = 0;
        const char *found = strstr(typed, plain);
        bool detached = type(keys, typed, 1 + (size_t)(rand() % 7), output);
        assert_int_equal(detached, found != NULL);
        size_t n = strlen(output);
        assert_memory_equal(output, typed, n);
        if (found)
            assert_int_equal(n, found - typed);
        else
            assert_true(strlen(typed) - n < (size_t)count && !strncmp(typed + n, plain, strlen(typed) - n));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
