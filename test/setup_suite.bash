# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Once for all end-to-end tests: the images, and a registry that serves them.

setup_suite() {
  cd "$BATS_TEST_DIRNAME" || return
  export BUILD=${BUILD:-$(readlink -f ../build)}
  export HOY=${HOY:-$BUILD/src/cli/hoy}
  export HOY_RUNTIME=${HOY_RUNTIME:-$BUILD/src/hoy-runtime/hoy-runtime}
  export TEST_IMAGES=${TEST_IMAGES:-$BUILD/test-images}
  # Nothing of the machine's own configuration takes part.
  export HOME=$BATS_SUITE_TMPDIR
  unset DOCKER_CONFIG HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy ALL_PROXY all_proxy
  ./images >&2 || return
  # shellcheck source=test/registry.bash
  source ./registry.bash
  registry_start "$TEST_IMAGES/registry"
}

teardown_suite() {
  # shellcheck source=test/registry.bash
  source "$BATS_TEST_DIRNAME/registry.bash"
  registry_stop
}
