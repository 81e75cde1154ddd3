# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The emulated machines of test/vm.

# machine_missing KERNEL: the reason, if there is one, for which a machine with it can't be had.
machine_missing() {
  [[ $(uname -m) == x86_64 ]] || { echo "the emulated machine is an x86-64 one"; return; }
  command -v qemu-system-x86_64 >/dev/null || { echo "no qemu-system-x86_64"; return; }
  [[ -e $TEST_VM/$1/done ]] || { echo "the package of the kernel $1 was not to be had"; return; }
  return 1
}
