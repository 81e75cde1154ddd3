#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries that want credentials or TLS: login and logout, helpers; mirrors, and the files that say so.

load lib
load registry

file_setup() {
  cd "$BATS_FILE_TMPDIR" || return
  # docker-registry takes bcrypt only: user "user", password "secret".
  python3 -c 'import crypt; print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)).replace("$2b$", "$2y$"))' \
    >htpasswd 2>/dev/null
  SUITE_REGISTRY=$REGISTRY SUITE_PID=$REGISTRY_PID
  registry_start "$TEST_IMAGES/registry" "auth: {htpasswd: {realm: test, path: $PWD/htpasswd}}" || return
  LOCKED=$REGISTRY LOCKED_PID=$REGISTRY_PID REGISTRY=$SUITE_REGISTRY REGISTRY_PID=$SUITE_PID
  export LOCKED LOCKED_PID REGISTRY REGISTRY_PID
}

file_teardown() { kill "$LOCKED_PID"; }

test_setup() {
  export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
  CONFIG=$DOCKER_CONFIG/config.json
}

test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# helper NAME: a credential helper on the PATH that keeps one file a server.
helper() {
  mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/kept"
  cat >"$BATS_TEST_TMPDIR/bin/docker-credential-$1" <<END
#!/bin/bash
kept=$BATS_TEST_TMPDIR/kept
text=\$(cat)
file() { printf %s "\$1" | tr -c 'a-z0-9' _; }
case \$1 in
  get) cat "\$kept/\$(file "\$text")" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  store) printf %s "\$text" >"\$kept/\$(file "\$(jq -r .ServerURL <<<"\$text")")" ;;
  erase) rm "\$kept/\$(file "\$text")" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
END
  chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-$1"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "login keeps what the registry takes, logout forgets it" {
  mkdir -p "$DOCKER_CONFIG"
  echo '{"auths":{"other.example":{"auth":"YTpi"}},"psFormat":"{{.ID}}"}' >"$CONFIG"
  expect 1 hoy pull "$LOCKED/tiny:1"
  expect 0 hoy login -u user --password-stdin "$LOCKED" <<<secret
  contains "$output" 'Login Succeeded'
  contains "$output" "stored unencrypted in $CONFIG"
  is "$(jq -r ".auths[\"$LOCKED\"].auth" "$CONFIG" | base64 -d)" user:secret
  is "$(jq -r '.auths["other.example"].auth + .psFormat' "$CONFIG")" 'YTpi{{.ID}}'
  is "$(stat -c %a "$CONFIG")" 600
  expect 0 hoy pull -q "$LOCKED/tiny:1"
  expect 0 hoy login "$LOCKED"
  contains "$output" 'Authenticating with existing credentials...'
  expect 0 hoy logout "http://$LOCKED/v2/"
  contains "$output" "Removing login credentials for $LOCKED"
  is "$(jq -c '.auths | keys' "$CONFIG")" '["other.example"]'
  is "$(ls "$DOCKER_CONFIG")" config.json
  hoy rmi "$LOCKED/tiny:1"
  expect 1 hoy pull "$LOCKED/tiny:1"
}

@test "login: what is wrong is kept nowhere" {
  expect 1 hoy login -u user --password-stdin "$LOCKED" <<<wrong
  contains "$output" unauthorized:
  lacks "$output" wrong
  one_sentence "$output"
  expect 1 hoy login -u user -p secret 127.0.0.1:1
  contains "$output" 'WARNING! Using --password via the CLI is insecure. Use --password-stdin.'
  expect 1 hoy login -u user "$LOCKED" </dev/null
  contains "$output" 'Cannot perform an interactive login from a non TTY device'
  expect 1 hoy login --password-stdin "$LOCKED" <<<secret
  contains "$output" 'Must provide --username with --password-stdin'
  expect 1 hoy login -u user -p x --password-stdin "$LOCKED" <<<secret
  contains "$output" 'mutually exclusive'
  expect 1 hoy login -u user -p secret 'bad host'
  expect 0 hoy logout "$LOCKED"
  is "$(ls "$DOCKER_CONFIG" 2>/dev/null)" ''
  mkdir -p "$DOCKER_CONFIG"
  echo '{broken' >"$CONFIG"
  expect 1 hoy login -u user --password-stdin "$LOCKED" <<<secret
  contains "$output" "$CONFIG is no valid JSON"
  is "$(<"$CONFIG")" '{broken'
}

@test "login without root: the file is the caller's, and Docker's own client reads it" {
  local home
  home=$(mktemp -d) # bats has its folders for itself
  chown 1234:1234 "$home"
  expect 0 setpriv --reuid 1234 --regid 1234 --clear-groups env -u DOCKER_CONFIG HOME="$home" \
    "$HOY" login -u user -p secret "$LOCKED"
  is "$(stat -c '%u %a' "$home/.docker/config.json")" '1234 600'
  expect 0 env -u DOCKER_CONFIG HOME="$home" "$HOY" login -u user -p secret "$LOCKED"
  is "$(stat -c '%u %a' "$home/.docker/config.json")" '1234 600'
  expect 0 skopeo inspect --raw --tls-verify=false --authfile "$home/.docker/config.json" "docker://$LOCKED/tiny:1"
  expect 0 env -u DOCKER_CONFIG HOME="$home" docker logout "$LOCKED"
  expect 1 env -u DOCKER_CONFIG HOME="$home" "$HOY" pull "$LOCKED/tiny:1"
  rm -r "$home"
}

@test "login at a terminal: nothing of the password is shown" {
  export HOY LOCKED
  expect 0 timeout 20 python3 - <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(os.environ["HOY"], ["hoy", "login", os.environ["LOCKED"]])
shown = b""
def until(word):
    global shown
    while word not in shown:
        try:
            more = os.read(fd, 4096)
        except OSError:
            more = b""
        if not more:
            sys.exit(f"no {word} in {shown}")
        shown += more
until(b"Username: ")
os.write(fd, b"user\n")
until(b"Password: ")
os.write(fd, b"secret\n")
until(b"Login Succeeded")
sys.exit(b"secret" in shown or os.waitpid(pid, 0)[1] != 0)
END
}

@test "a credential helper: store, get, erase" {
  helper one
  mkdir -p "$DOCKER_CONFIG"
  echo '{"credsStore":"one"}' >"$CONFIG"
  expect 1 hoy pull "$LOCKED/tiny:1"
  expect 0 hoy login -u user --password-stdin "$LOCKED" <<<secret
  lacks "$output" WARNING
  lacks "$(<"$CONFIG")" dXNlc
  is "$(jq -c ".auths[\"$LOCKED\"]" "$CONFIG")" '{}'
  is "$(jq -r .Secret "$BATS_TEST_TMPDIR"/kept/*)" secret
  expect 0 hoy pull -q "$LOCKED/tiny:1"
  expect 0 hoy logout "$LOCKED"
  is "$(ls "$BATS_TEST_TMPDIR/kept")" ''
  is "$(jq -c .auths "$CONFIG")" '{}'
  hoy rmi "$LOCKED/tiny:1"
  expect 1 hoy pull "$LOCKED/tiny:1"
}

@test "a credential helper for one registry; one that is missing, fails or talks nonsense" {
  helper two
  mkdir -p "$DOCKER_CONFIG"
  printf '{"ServerURL":"%s","Username":"user","Secret":"secret"}' "$LOCKED" \
    >"$BATS_TEST_TMPDIR/kept/$(printf %s "$LOCKED" | tr -c 'a-z0-9' _)"
  echo "{\"credHelpers\":{\"$LOCKED\":\"two\"}}" >"$CONFIG"
  expect 0 hoy pull -q "$LOCKED/tiny:1"
  hoy rmi "$LOCKED/tiny:1"
  echo "{\"credHelpers\":{\"$LOCKED\":\"gone\"}}" >"$CONFIG"
  expect 1 hoy pull "$LOCKED/tiny:1"
  contains "$output" docker-credential-gone
  # A store that is not there and has nothing of this registry is nobody's business.
  echo '{"credsStore":"gone"}' >"$CONFIG"
  expect 0 hoy pull -q "$REGISTRY/tiny:1"
  echo '{"credsStore":"../../bin/sh"}' >"$CONFIG"
  expect 1 hoy pull "$LOCKED/tiny:1"
  echo '{"credsStore":"bad"}' >"$CONFIG"
  printf '#!/bin/sh\necho no such key; exit 1\n' >"$BATS_TEST_TMPDIR/bin/docker-credential-bad"
  chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-bad"
  expect 1 hoy pull "$LOCKED/tiny:1"
  contains "$output" 'no such key'
  printf '#!/bin/sh\nyes\n' >"$BATS_TEST_TMPDIR/bin/docker-credential-bad"
  expect 1 hoy pull "$LOCKED/tiny:1"
  one_sentence "${lines[-1]}"
}
