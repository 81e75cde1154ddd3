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

# token_registry HOW: a docker-registry that wants tokens, of a server that speaks so (token-server.py). Until
# token_registry_end.
token_registry() {
  cd "$BATS_TEST_TMPDIR" || return
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tokens -days 2 -keyout key.pem -out cert.pem 2>/dev/null
  TOKEN_LOG=$PWD/tokens.log
  "$BATS_TEST_DIRNAME/token-server.py" "$TOKEN_LOG" key.pem cert.pem >port 3>&- 4>&- &
  TOKEN_PID=$!
  wait_line port '[0-9]'
  SUITE_REGISTRY=$REGISTRY SUITE_PID=$REGISTRY_PID
  registry_start "$TEST_IMAGES/registry" \
    "auth: {token: {realm: \"http://127.0.0.1:$(<port)/$1\", service: tests, issuer: tests, rootcertbundle: $PWD/cert.pem}}"
  LOCKED_BY_TOKEN=$REGISTRY
}
token_registry_end() {
  registry_stop
  kill "$TOKEN_PID"
  REGISTRY=$SUITE_REGISTRY REGISTRY_PID=$SUITE_PID
}

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
  expect 0 hoy --config "$BATS_TEST_TMPDIR/mine" login -u user --password-stdin "$LOCKED" <<<secret
  is "$(jq -c '.auths | keys' "$BATS_TEST_TMPDIR/mine/config.json")" "[\"$LOCKED\"]"
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
  printf '#!/bin/sh\nexec yes\n' >"$BATS_TEST_TMPDIR/bin/docker-credential-bad"
  expect 1 hoy pull "$LOCKED/tiny:1"
  one_sentence "${lines[-1]}"
}

@test "a token server: GET, and an identity token in the password's place" {
  token_registry both
  expect 1 hoy pull "$LOCKED_BY_TOKEN/tiny:1"
  expect 1 hoy login -u user --password-stdin "$LOCKED_BY_TOKEN" <<<wrong
  contains "$output" 'unauthorized: incorrect username or password'
  expect 0 hoy login -u user --password-stdin "$LOCKED_BY_TOKEN" <<<secret
  contains "$output" 'Login Succeeded'
  is "$(jq -r ".auths[\"$LOCKED_BY_TOKEN\"].identitytoken" "$CONFIG")" refresh-of-user
  lacks "$(jq -r ".auths[\"$LOCKED_BY_TOKEN\"].auth" "$CONFIG" | base64 -d)" secret
  : >"$TOKEN_LOG"
  expect 0 hoy pull -q "$LOCKED_BY_TOKEN/tiny:1"
  is "$(<"$TOKEN_LOG")" 'POST /both refresh_token repository:tiny:pull'
  # The same token out of a helper.
  helper three
  hoy logout "$LOCKED_BY_TOKEN"
  jq '. + {credsStore: "three"}' "$CONFIG" >new && mv new "$CONFIG"
  expect 0 hoy login -u user --password-stdin "$LOCKED_BY_TOKEN" <<<secret
  is "$(jq -r '.Username + .Secret' kept/*)" '<token>refresh-of-user'
  hoy rmi "$LOCKED_BY_TOKEN/tiny:1"
  expect 0 hoy pull -q "$LOCKED_BY_TOKEN/tiny:1"
  token_registry_end
}

@test "a token server that knows POST alone" {
  token_registry post
  mkdir -p "$DOCKER_CONFIG"
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$LOCKED_BY_TOKEN" "$(printf user:secret | base64)" >"$CONFIG"
  expect 0 hoy pull -q "$LOCKED_BY_TOKEN/tiny:1"
  is "$(<"$TOKEN_LOG")" 'POST /post password repository:tiny:pull'
  token_registry_end
}

@test "ctrl-C while the password is asked for: the terminal is as it was" {
  export HOY LOCKED
  expect 0 timeout 20 python3 - <<'END'
import os, pty, sys, termios, signal
leader, follower = pty.openpty()
before = termios.tcgetattr(follower)
pid = os.fork()
if pid == 0:
    os.setsid()
    import fcntl
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(follower, fd)
    os.execv(os.environ["HOY"], ["hoy", "login", "-u", "user", os.environ["LOCKED"]])
shown = b""
while b"Password: " not in shown:
    shown += os.read(leader, 4096)
while termios.tcgetattr(follower)[3] & termios.ECHO:
    pass
os.write(leader, b"\x03")
status = os.waitpid(pid, 0)[1]
sys.exit(not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT and termios.tcgetattr(follower) == before))
END
  is "$(ls "$DOCKER_CONFIG" 2>/dev/null)" ''
}

@test "a signal while a credential helper takes its time" {
  mkdir -p "$DOCKER_CONFIG" "$BATS_TEST_TMPDIR/bin"
  echo '{"credsStore":"slow"}' >"$CONFIG"
  printf '#!/bin/sh\necho $$ >%s\nexec sleep 300\n' "$BATS_TEST_TMPDIR/started" >"$BATS_TEST_TMPDIR/bin/docker-credential-slow"
  chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-slow"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH setsid "$HOY" pull "$LOCKED/tiny:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  wait_line "$BATS_TEST_TMPDIR/started" '[0-9]'
  local helper hoy
  helper=$(<"$BATS_TEST_TMPDIR/started")
  hoy=$(ps -o ppid= -p "$helper")
  kill -TERM -- "-$(ps -o pgid= -p "$helper" | tr -d ' ')" # all of them, as a terminal does it
  wait_gone "${hoy// /}"
  wait_gone "$helper"
  is "$(ls "$HOY_ROOT/tmp" 2>/dev/null)" ''
}
