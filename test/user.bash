# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Somebody who is not root, with ids of /etc/subuid, a home and an XDG_RUNTIME_DIR.

USER_ID=23456

user_setup() {
  export USER_HOME=$BATS_FILE_TMPDIR/home XDG_RUNTIME_DIR=$BATS_FILE_TMPDIR/xdg
  mkdir "$USER_HOME" "$XDG_RUNTIME_DIR"
  chown $USER_ID:$USER_ID "$USER_HOME" "$XDG_RUNTIME_DIR"
  chmod 700 "$XDG_RUNTIME_DIR"
  # The mount namespace is the tests' own: what is bound over /etc is nobody else's.
  cp /etc/passwd /etc/group "$BATS_FILE_TMPDIR"
  echo "tester:x:$USER_ID:$USER_ID::$USER_HOME:/bin/sh" >>"$BATS_FILE_TMPDIR/passwd"
  echo "tester:x:$USER_ID:" >>"$BATS_FILE_TMPDIR/group"
  echo "tester:300000:65536" >"$BATS_FILE_TMPDIR/subuid"
  echo "tester:300000:65536" >"$BATS_FILE_TMPDIR/subgid"
  local name
  for name in passwd group subuid subgid; do
    [[ -e /etc/$name ]] || : >"/etc/$name"
    mount --bind "$BATS_FILE_TMPDIR/$name" "/etc/$name"
  done
  # The way to the bundles, and the program, for everybody.
  local folder=$BATS_FILE_TMPDIR
  while [[ $folder != / ]]; do
    chmod a+x "$folder"
    folder=${folder%/*}
    folder=${folder:-/}
  done
}

user_teardown() {
  local name
  for name in passwd group subuid subgid; do umount "/etc/$name"; done
}

# Whoever is not root: without groups, capabilities or a login.
as_user() { setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --inh-caps=-all "$@"; }
