// SPDX-License-Identifier: Apache-2.0
#include "fetch/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 20000

static void *write_all(void *data) {
    struct ring *ring = data;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        struct ring_block *block = ring_empty(ring);
        if (!block) return NULL;
        memcpy(block->bytes, &i, block->size = sizeof i);
        ring_push(ring);
    }
    ring_close(ring);
    return ring;
}

static void test_order(void **state) {
    (void)state;
    struct ring ring;
    pthread_t thread;
    void *result;
    uint32_t expected = 0, got;
    ring_init(&ring, sizeof expected);
    assert_int_equal(pthread_create(&thread, NULL, write_all, &ring), 0);
    for (struct ring_block *block; (block = ring_next(&ring)); ring_pop(&ring), expected++) {
        assert_int_equal(block->size, sizeof got);
        memcpy(&got, block->bytes, sizeof got);
        assert_int_equal(got, expected);
    }
    assert_int_equal(expected, BLOCKS);
    pthread_join(thread, &result);
    assert_non_null(result);
    ring_finish(&ring);
}

// A reader that gives up lets the writer go, also one that waits for room already.
static void test_drain(void **state) {
    (void)state;
    struct ring ring;
    pthread_t thread;
    void *result;
    ring_init(&ring, sizeof(uint32_t));
    assert_int_equal(pthread_create(&thread, NULL, write_all, &ring), 0);
    assert_non_null(ring_next(&ring));
    ring_drain(&ring);
    pthread_join(thread, &result);
    assert_null(result);
    ring_finish(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
