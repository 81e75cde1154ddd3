# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bundles for hoy-runtime: busybox in a root of its own, and a config.json that jq changes. The containers of a test
# are its own; what one leaves is removed and fails it.

# The attacker's program, once a file.
bundle_setup() {
  export ATTACKER=$BATS_FILE_TMPDIR/attacker
  musl-gcc -std=gnu17 -O2 -Wall -static -o "$ATTACKER" "$BATS_TEST_DIRNAME/attacker.c"
  export RUNTIME_ROOT=$BATS_FILE_TMPDIR/runtime
  mkdir -p "$RUNTIME_ROOT"
}

rt() { "$HOY_RUNTIME" --root "$RUNTIME_ROOT" "$@"; }

# bundle NAME: $bundle is its folder. There is no terminal, and the command says "hello".
bundle() {
  bundle=$BATS_TEST_TMPDIR/$1
  mkdir -p "$bundle/rootfs"/{bin,dev,proc,sys,tmp,etc,host}
  cp "$(command -v busybox)" "$bundle/rootfs/bin/busybox"
  local name
  for name in sh cat ls echo sleep true stat id readlink mkdir mknod pwd head grep kill seq touch mount ps dd test wc; do
    ln -s busybox "$bundle/rootfs/bin/$name"
  done
  cp "$ATTACKER" "$bundle/rootfs/bin/attacker"
  rt spec -b "$bundle"
  config '.process.terminal = false | .process.args = ["echo", "hello"] | .root.readonly = false'
}

# config JQ-EXPRESSION [JQ-OPTION...]
config() {
  local expression=$1
  shift
  jq "$expression" "$bundle/config.json" "$@" >"$bundle/.config" && mv "$bundle/.config" "$bundle/config.json"
}
# command WORD...: what the container runs.
command_is() {
  config '.process.args = $words' --argjson words "$(jq -cn '$ARGS.positional' --args -- "$@")"
}

# start NAME: detached, its streams not the test's.
start() { rt run -d -b "$bundle" "$1" </dev/null >"$BATS_TEST_TMPDIR/$1.out" 2>"$BATS_TEST_TMPDIR/$1.err"; }

# attack COMMAND...: in the background until the test ends.
attacks=()
attack() {
  "$ATTACKER" "$@" 3>&- &
  attacks+=($!)
}
attack_end() {
  local pid
  for pid in "${attacks[@]}"; do
    kill -KILL "$pid"
    wait "$pid" || true
  done 2>/dev/null
  attacks=()
}

# for_seconds N COMMAND...: again and again.
for_seconds() {
  local end=$((SECONDS + $1))
  shift
  while ((SECONDS < end)); do "$@"; done
}

# One clear sentence of the runtime's.
one_line() {
  is "$(grep -c . <<<"$1")" 1 && matches "$1" '^hoy-runtime: '
}

bundle_teardown() {
  local left status=0
  attack_end
  left=$(rt list -q)
  if [[ -n $left ]]; then
    echo "left behind: containers: $left"
    # shellcheck disable=SC2086
    rt delete -f $left
    status=1
  fi
  return $status
}
