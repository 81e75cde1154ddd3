// SPDX-License-Identifier: Apache-2.0
// In a network namespace of the test's own. What the rules do to packets is tested with the network's tests.
#include "kernel/nft.h"

#include "kernel/link.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct nft_bridge rules = {"hoy0", 0x0ad00000, 22};

static int namespace_enter(void **state) {
    (void)state;
    return unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -1 : 0;
}

static void test_apply(void **state) {
    (void)state;
    assert_false(nft_bridge_ready(&rules));
    assert_int_equal(nft_bridge_apply(&rules), 0);
    assert_true(nft_bridge_ready(&rules));
    assert_int_equal(nft_bridge_apply(&rules), 0); // again: replaced, not doubled
    assert_true(nft_bridge_ready(&rules));
    struct nft_bridge other = rules;
    other.subnet += 1024;
    assert_false(nft_bridge_ready(&other)); // the same table, for another subnet
    other = rules;
    other.bridge = "hoy1";
    assert_false(nft_bridge_ready(&other));
    assert_int_equal(nft_bridge_apply(&other), 0);
    assert_int_equal(nft_bridge_delete("hoy1"), 0);
    assert_true(nft_bridge_ready(&rules));
    assert_int_equal(nft_bridge_delete("hoy0"), 0);
    assert_int_equal(nft_bridge_delete("hoy0"), -ENOENT);
    assert_false(nft_bridge_ready(&rules));
}

static void test_invalid(void **state) {
    (void)state;
    assert_int_equal(nft_bridge_apply(&(struct nft_bridge){"", 0, 22}), -EINVAL);
    assert_int_equal(nft_bridge_apply(&(struct nft_bridge){"a-name-of-more-than-15", 0, 22}), -EINVAL);
    assert_int_equal(nft_bridge_apply(&(struct nft_bridge){"hoy0", 0, 33}), -EINVAL);
    assert_false(nft_bridge_ready(&(struct nft_bridge){"", 0, 22}));
}

// Somebody else took rules away, or the comment's table was made by hand.
static void test_changed(void **state) {
    (void)state;
    if (geteuid() || system("command -v nft >/dev/null")) skip();
    assert_int_equal(nft_bridge_apply(&rules), 0);
    assert_int_equal(
        system("nft list table ip hoy0 | grep -q 'ip saddr 10.208.0.0/22 oifname != \"hoy0\" masquerade'"),
        0);
    assert_int_equal(system("nft flush chain ip hoy0 raw"), 0);
    assert_false(nft_bridge_ready(&rules));
    assert_int_equal(nft_bridge_apply(&rules), 0);
    assert_true(nft_bridge_ready(&rules));
    assert_int_equal(system("nft flush ruleset; nft add table ip hoy0 '{ comment \"hoy\"; }'"), 0);
    assert_false(nft_bridge_ready(&rules));
    assert_int_equal(nft_bridge_apply(&rules), 0);
    assert_true(nft_bridge_ready(&rules));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_apply, namespace_enter),
        cmocka_unit_test_setup(test_invalid, namespace_enter),
        cmocka_unit_test_setup(test_changed, namespace_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
