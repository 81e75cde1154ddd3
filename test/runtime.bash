# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bundles, and hoy-runtime on them.

# rootfs_make DIRECTORY: a static busybox and its links.
rootfs_make() {
  mkdir -p "$1" && "$BATS_TEST_DIRNAME/make-tar" busybox "$(command -v busybox)" "$1.tar" && tar -xf "$1.tar" -C "$1"
}

# bundle DIRECTORY [JQ-FILTER]: a config.json on $ROOTFS. The command is a shell that ends with SIGTERM.
bundle() {
  mkdir -p "$1"
  rm -f "$1/config.json"
  "$HOY_RUNTIME" spec -b "$1"
  jq ".process.terminal = false | .root = {path: \"$ROOTFS\"} | .linux.cgroupsPath = \"/hoy/${1##*/}\"
    | .process.args = [\"sh\", \"-c\", \"trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done\"]
    | del(.linux.namespaces[] | select(.type == \"network\")) | ${2:-.}" "$1/config.json" >"$1/config.new"
  mv "$1/config.new" "$1/config.json"
}

# command_is ARG...: the filter that makes this the bundle's command.
command_is() { jq -nc '$ARGS.positional' --args -- "$@" | sed 's/^/.process.args = /'; }

rt() { "$HOY_RUNTIME" --root "$STATE" "$@" 3>&-; }
# made: create and run -d leave their standard streams to the container: bats would wait for those.
made() {
  if ! rt "$@" </dev/null >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr"; then
    cat "$BATS_TEST_TMPDIR/stderr"
    return 1
  fi
}
status_is() { is "$(rt state "$1" | jq -r .status)" "$2"; }
has_status() { [[ $(rt state "$1" | jq -r .status) == "$2" ]]; }
pid_of() { rt state "$1" | jq .pid; }

# Every container goes, and its directory with it.
containers_remove() {
  local id
  for id in $(rt list -q 2>/dev/null); do rt delete -f "$id"; done
  [[ -z $(ls "$STATE" 2>/dev/null) ]] || { echo "left behind: $(ls -A "$STATE")"; return 1; }
}
