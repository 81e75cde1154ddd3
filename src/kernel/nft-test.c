// SPDX-License-Identifier: Apache-2.0
// In a network namespace of the test's own.
#include "kernel/nft.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct nft_table table = {"hoy0", 77};
static const struct nft_network network = {
    "hoy0", {{AF_INET, 22, {10, 208}}, {AF_INET6, 64, {0xfd, 1}}}, 2, 0};

static int namespace_enter(void **state) {
    (void)state;
    return unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -1 : 0;
}

static void test_apply(void **state) {
    (void)state;
    assert_false(nft_network_ready(&table, &network));
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0);
    assert_true(nft_network_ready(&table, &network));
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0); // again: replaced, not doubled
    assert_true(nft_network_ready(&table, &network));
    struct nft_network other = network;
    other.subnets[0].bytes[2] = 4;
    assert_false(nft_network_ready(&table, &other)); // the same link, another subnet
    assert_false(nft_network_ready(&(struct nft_table){"hoy0", 78}, &network));
    assert_false(nft_network_ready(&(struct nft_table){"hoy1", 77}, &network));
    assert_int_equal(nft_table_delete(&table), 0);
    assert_int_equal(nft_table_delete(&table), -ENOENT);
    assert_false(nft_network_ready(&table, &network));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_apply, namespace_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
