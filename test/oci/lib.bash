# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bundles made of a static busybox, run by hoy-runtime and by the others that are installed; and the list of
# fields, of which each test says which it has shown.

OCI=$BATS_TEST_DIRNAME/oci

file_setup() {
  export OCI_BASE=$BATS_FILE_TMPDIR/base OCI_SHOWN=$BATS_FILE_TMPDIR/shown OCI_HIDDEN=$BATS_FILE_TMPDIR/hidden
  local name
  mkdir -p "$OCI_BASE"/{bin,proc,sys,dev,tmp,etc,root,mnt}
  cp "$(command -v busybox)" "$OCI_BASE/bin/busybox"
  for name in $("$OCI_BASE/bin/busybox" --list); do
    [[ $name == busybox ]] || ln -s busybox "$OCI_BASE/bin/$name"
  done
  "${CC:-cc}" -static -O1 -o "$OCI_BASE/bin/probe" "$OCI/probe.c"
  : >"$OCI_SHOWN"
  : >"$OCI_HIDDEN"
}

test_setup() {
  bundle=$BATS_TEST_TMPDIR/bundle
  id=oci-$BATS_TEST_NUMBER
  state=$BATS_TEST_TMPDIR/state
  mkdir -p "$bundle"
  cp -a "$OCI_BASE" "$bundle/rootfs"
}

# config JQ COMMAND: a config.json with these changes, and a command for its shell.
config() {
  jq "($1) | if .process then .process.args //= [\"sh\", \"-c\", \$command] else . end" --arg command "${2-}" "$OCI/config.json" \
    >"$bundle/config.json"
}

runtime() { "$HOY_RUNTIME" --root "$state" "$@"; }

# look JQ COMMAND: what the container says, and how it ended, like `run`.
look() {
  config "$@"
  run --separate-stderr runtime run --bundle "$bundle" "$id" </dev/null
  # shellcheck disable=SC2154
  ((status == 0)) || { echo "hoy-runtime ended with $status: $output $stderr"; return 1; }
}

# refuses PART JQ [COMMAND]: an error that names the field.
refuses() {
  config "$2" "${3-true}"
  run runtime run --bundle "$bundle" "$id" </dev/null
  ((status != 0)) || { echo "was not refused: $2"; return 1; }
  contains "$output" "$1"
}

peer() (
  exec </dev/null
  case $1 in
    runc) runc --root "$state-runc" run --bundle "$bundle" "$id-runc" ;;
    # crun takes a machine with both kinds of cgroups for one with v1 only when it does not see the other.
    crun) unshare --mount sh -c 'f=/sys/fs/cgroup/unified/cgroup.controllers
        [ ! -e $f ] || mount --bind /dev/null $f; exec "$@"' sh \
      crun --root "$state-crun" run --bundle "$bundle" "$id-crun" ;;
  esac
)

# same PEER...: the last config says the same under these, where they are installed.
same() {
  local name mine=$output theirs
  for name in "$@"; do
    command -v "$name" >/dev/null || continue
    theirs=$(peer "$name" 2>&1) || { echo "$name: $theirs"; return 1; }
    [[ $theirs == "$mine" ]] || { printf '%s says "%s", not "%s"\n' "$name" "$theirs" "$mine"; return 1; }
  done
}

# shown FIELD...: it was seen that these do what they say.
shown() { printf '%s\n' "$@" >>"$OCI_SHOWN"; }

# A user namespace's root has to come to the bundle.
reachable() {
  local directory=$BATS_TEST_TMPDIR
  while [[ $directory != / && -O $directory ]]; do
    chmod a+x "$directory"
    directory=$(dirname "$directory")
  done
}

# Bit 24 is CAP_SYS_RESOURCE.
can_raise_limits() { (($(sed -n 's/^CapEff:[[:space:]]*/0x/p' /proc/self/status) >> 24 & 1)); }

# cannot_show REASON FIELD...: this kernel or machine has no way to see it.
cannot_show() {
  local reason=$1
  shift
  printf '%s\n' "$@" >>"$OCI_HIDDEN"
  skip "$reason: $*"
}
# The same, but the test goes on.
not_here() { printf '%s\n' "${@:2}" >>"$OCI_HIDDEN"; echo "# not shown: ${*:2}: $1" >&3; }

