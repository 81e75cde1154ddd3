# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# agree: the database, interfaces, rules, names and resolvers say the same of all networks (test/agree says how).

agree() { "$BATS_TEST_DIRNAME/agree"; }
