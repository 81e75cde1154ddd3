#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The matrix of drivers, directions, protocols and IP versions. The table is in matrix.sh; what this kernel has no driver for
# is looked at in emulated machines (vm.bats).

load lib
# shellcheck source=test/matrix.sh
source "$BATS_TEST_DIRNAME/matrix.sh"

file_setup() {
  musl-gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -o "$BATS_FILE_TMPDIR/speak" "$BATS_TEST_DIRNAME/speak.c"
  matrix_world "$BATS_FILE_TMPDIR/speak"
  export matrix_speak matrix_processes
  export NETCONFPATH=$BATS_FILE_TMPDIR/net.d CNI_PATH=/usr/lib/cni
  mkdir "$NETCONFPATH"
  cat >"$NETCONFPATH/matrix.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "matrix", "plugins": [
  {"type": "bridge", "bridge": "cnimatrix0", "isGateway": true, "ipMasq": true,
   "ipam": {"type": "host-local", "dataDir": "$BATS_FILE_TMPDIR/leases", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            "ranges": [[{"subnet": "10.78.0.0/24"}], [{"subnet": "fd00:78::/64"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}
file_teardown() { matrix_end; }
test_teardown() {
  matrix_down
  ! ip link show cnimatrix0 >/dev/null 2>&1 || ip link delete cnimatrix0
}

kernel_has() {
  ip link add probe0 link up0 type "$1" 2>/dev/null && ip link delete probe0
}

row() {
  local count=$2
  matrix_row "$1"
  is "$matrix_count" "$count"
}

@test "the default bridge" { row bridge 56; }

@test "a bridge of one's own" { row own 56; }

@test "an internal one" { row internal 56; }

@test "macvlan" {
  kernel_has macvlan || skip "this kernel has no macvlan"
  row macvlan 56
}

@test "ipvlan, l2" {
  kernel_has ipvlan || skip "this kernel has no ipvlan: vm.bats has it"
  row ipvlan-l2 56
}

@test "ipvlan, l3" {
  kernel_has ipvlan || skip "this kernel has no ipvlan: vm.bats has it"
  row ipvlan-l3 56
}

@test "the host's network" { row host 56; }

@test "none" { row none 32; }

@test "another container's" { row container 56; }

@test "a CNI network" { row cni 56; }
