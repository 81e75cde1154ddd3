#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Certificates, mirrors, and the administrator's files that say so: registries.conf, daemon.json, certs.d.

load lib
load registry
load rough

# start NAME STORAGE [VARIABLE=VALUE...]: another registry; its host:port is in NAME.
start() {
  local name=$1 storage=$2 suite=$REGISTRY suite_pid=$REGISTRY_PID
  shift 2
  env_registry "$storage" "$@" || return
  printf -v "$name" %s "$REGISTRY"
  export "${name?}"
  PIDS+=" $REGISTRY_PID"
  REGISTRY=$suite REGISTRY_PID=$suite_pid
  export REGISTRY REGISTRY_PID PIDS
}
env_registry() {
  local storage=$1
  shift
  (($#)) && export "${@?}"
  registry_start "$storage"
  local code=$?
  (($#)) && unset "${@%%=*}"
  return $code
}

# An authority, and what it signs: NAME.crt, NAME.key.
certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 2 -keyout ca.key -out ca.crt
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 -keyout stranger.key -out stranger.crt
  local name
  for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $name.crt \
      -extfile <(echo 'subjectAltName=IP:127.0.0.1,IP:10.99.0.1,IP:::1')
  done
} 2>/dev/null

file_setup() {
  cd "$BATS_FILE_TMPDIR" || return
  certificates || return
  ip address add 10.99.0.1/32 dev lo # of this machine, and no loopback address
  local tls="REGISTRY_HTTP_TLS_CERTIFICATE=$PWD/server.crt REGISTRY_HTTP_TLS_KEY=$PWD/server.key"
  # shellcheck disable=SC2086
  {
    start TLS "$TEST_IMAGES/registry" $tls
    start MUTUAL "$TEST_IMAGES/registry" $tls "REGISTRY_HTTP_TLS_CLIENTCAS=[$PWD/ca.crt]"
    start FAR_TLS "$TEST_IMAGES/registry" $tls REGISTRY_ADDRESS=10.99.0.1
    start FAR "$TEST_IMAGES/registry" REGISTRY_ADDRESS=10.99.0.1
    start OWN "$PWD/own"
    start SIX "$TEST_IMAGES/registry" "REGISTRY_ADDRESS=[::1]"
  }
  skopeo copy -q --src-tls-verify=false --dest-tls-verify=false \
    "docker://$REGISTRY/tiny:1" "docker://$OWN/library/tiny:1" || return
  rough_start
  local folder
  for folder in containers docker; do
    cp -a "/etc/$folder" "etc-$folder"
    mount -t tmpfs etc "/etc/$folder"
  done
  cp -a etc-containers/policy.json /etc/containers
}

file_teardown() {
  umount /etc/containers /etc/docker
  rough_stop
  ip address del 10.99.0.1/32 dev lo
  # shellcheck disable=SC2086
  kill $PIDS
}

test_setup() {
  export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
  CONF=/etc/containers/registries.conf DAEMON=/etc/docker/daemon.json
  rough
}

test_teardown() {
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  rm -rf /etc/containers/registries* /etc/containers/certs.d /etc/docker/daemon.json /etc/docker/certs.d
}

pulls() {
  expect 0 hoy pull -q "$1"
  is "$(hoy run --rm "$1" echo it runs)" 'it runs'
  hoy rmi "$1"
}

@test "certs.d: an authority, and a certificate of our own" {
  expect 1 hoy pull "$TLS/tiny:1"
  contains "$output" "certificate of $TLS can't be trusted"
  mkdir -p "/etc/docker/certs.d/$TLS" "/etc/containers/certs.d/$MUTUAL"
  cp "$BATS_FILE_TMPDIR/ca.crt" "/etc/docker/certs.d/$TLS"
  pulls "$TLS/tiny:1"
  cp "$BATS_FILE_TMPDIR/ca.crt" "/etc/containers/certs.d/$MUTUAL"
  expect 1 hoy pull "$MUTUAL/tiny:1"
  cp "$BATS_FILE_TMPDIR/client.crt" "/etc/containers/certs.d/$MUTUAL/client.cert"
  expect 1 hoy pull "$MUTUAL/tiny:1"
  contains "$output" 'client.key is missing'
  cp "$BATS_FILE_TMPDIR/client.key" "/etc/containers/certs.d/$MUTUAL/client.key"
  pulls "$MUTUAL/tiny:1"
  # Several: the one that an authority signed which the server names, as with Docker; wherever they are.
  local folder=/etc/containers/certs.d/$MUTUAL
  cp "$BATS_FILE_TMPDIR/stranger.crt" "$folder/a.cert"
  expect 1 hoy pull "$MUTUAL/tiny:1"
  contains "$output" 'a.key is missing'
  cp "$BATS_FILE_TMPDIR/stranger.key" "$folder/a.key"
  pulls "$MUTUAL/tiny:1"
  mkdir "/etc/docker/certs.d/$MUTUAL"
  mv "$folder/client.cert" "$folder/client.key" "/etc/docker/certs.d/$MUTUAL"
  pulls "$MUTUAL/tiny:1"
  rm "/etc/docker/certs.d/$MUTUAL/client.cert"
  expect 1 hoy pull "$MUTUAL/tiny:1"
  contains "$output" 'client.cert is missing'
  rm "/etc/docker/certs.d/$MUTUAL/client.key"
  cp "$folder/a.cert" "$folder/b.cert"
  cp "$folder/a.key" "$folder/b.key"
  expect 1 hoy pull "$MUTUAL/tiny:1" # none of them
  one_sentence "${lines[-1]}"
  cp "$BATS_FILE_TMPDIR/client.key" "$folder/b.key" # of another certificate
  expect 1 hoy pull "$MUTUAL/tiny:1"
  contains "$output" "can't use the client's certificates for $MUTUAL in certs.d"
  echo rubbish >"/etc/docker/certs.d/$TLS/ca.crt"
  expect 1 hoy pull "$TLS/tiny:1"
  one_sentence "${lines[-1]}"
}

@test "insecure registries, in both files" {
  expect 1 hoy pull "$FAR_TLS/tiny:1"
  contains "$output" "can't be trusted"
  expect 1 hoy pull "$FAR/tiny:1"
  contains "$output" 'no TLS connection'
  echo '{"insecure-registries": ["10.99.0.0/16"]}' >"$DAEMON"
  pulls "$FAR_TLS/tiny:1"
  pulls "$FAR/tiny:1"
  echo "{\"insecure-registries\": [\"$FAR\"]}" >"$DAEMON"
  pulls "$FAR/tiny:1"
  expect 1 hoy pull "$FAR_TLS/tiny:1"
  rm "$DAEMON"
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$FAR" >"$CONF"
  pulls "$FAR/tiny:1"
  expect 0 hoy login -u any -p thing "$FAR"
}

@test "a registry that is somewhere else, and one that is blocked" {
  cat >"$CONF" <<END
unqualified-search-registries = ["quay.example"] # says nothing here
[[registry]]
prefix = "moved.example/team"
location = "$REGISTRY"
[[registry]]
location = "bad.example"
blocked = true
END
  pulls moved.example/team/tiny:1
  expect 1 hoy pull bad.example/x
  contains "$output" "registry bad.example is blocked in $CONF"
  expect 125 hoy run --rm bad.example/x true
  contains "$output" 'is blocked'
  mkdir "$CONF.d"
  printf '[[registry]]\nprefix = "*.example"\nblocked = true\n' >"$CONF.d/10-more.conf"
  expect 1 hoy pull a.b.example:5000/x
  contains "$output" "$CONF.d/10-more.conf"
  printf '[[registry]]\nlocation =\n' >"$CONF.d/10-more.conf"
  expect 1 hoy pull moved.example/team/tiny:1
  contains "$output" "$CONF.d/10-more.conf:2:"
  one_sentence "${lines[-1]}"
}

@test "mirrors: the first that has it, then the registry itself" {
  cat >"$CONF" <<END
[[registry]]
location = "home.example/x"
[[registry.mirror]]
location = "127.0.0.1:1"
[[registry.mirror]]
location = "$OWN/nothing"
[[registry.mirror]]
location = "$REGISTRY"
END
  pulls home.example/x/tiny:1
  local digest
  digest=$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$REGISTRY/tiny:1")
  pulls "home.example/x/tiny@$digest"
  sed -i "s/$REGISTRY/$REGISTRY\"\npull-from-mirror = \"digest-only/" "$CONF"
  pulls "home.example/x/tiny@$digest"
  expect 1 hoy pull home.example/x/tiny:1
  contains "$output" home.example
}

@test "a mirror that breaks off: the layer comes from the registry itself" {
  printf '[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' "$REGISTRY" "$ROUGH" >"$CONF"
  rough drop=100000 norange
  expect 0 hoy pull -q "$REGISTRY/layers:1"
  contains "$(<"$ROUGH_LOG")" blobs
  hoy rmi "$REGISTRY/layers:1"
  rough status=500/96
  pulls "$REGISTRY/tiny:1"
}

@test "Docker Hub's mirrors in daemon.json" {
  echo "{\"registry-mirrors\": [\"http://$OWN/\"]}" >"$DAEMON"
  pulls tiny:1
  echo "{\"registry-mirrors\": [\"$OWN\"]}" >"$DAEMON"
  expect 1 hoy pull tiny:1
  contains "$output" 'registry-mirrors is not https://HOST[:PORT]'
  expect 0 hoy pull -q "$REGISTRY/tiny:1"
}

@test "an IPv6 registry" {
  pulls "$SIX/tiny:1"
  expect 0 hoy pull -q "$SIX/tiny:1"
  contains "$(hoy images)" "$SIX/tiny"
  contains "$(hoy image inspect "$SIX/tiny:1")" "$SIX/tiny@sha256:"
  expect 0 hoy login -u any -p thing "$SIX"
  hoy rmi "$SIX/tiny:1"
  expect 1 hoy pull '[::1/x'
  expect 1 hoy pull '[::1]:99999/x'
}

@test "proxies: HTTP_PROXY, HTTPS_PROXY, NO_PROXY" {
  echo '{"insecure-registries": ["10.99.0.1", "'"$FAR"'", "'"$FAR_TLS"'"]}' >"$DAEMON"
  rough
  export HTTPS_PROXY=http://$ROUGH HTTP_PROXY=http://$ROUGH
  pulls "$FAR_TLS/tiny:1"
  contains "$(<"$ROUGH_LOG")" "CONNECT $FAR_TLS"
  pulls "$FAR/tiny:1"
  contains "$(<"$ROUGH_LOG")" "GET http://$FAR/v2/"
  rough
  NO_PROXY=example.com,10.99.0.0/16 pulls "$FAR_TLS/tiny:1"
  is "$(<"$ROUGH_LOG")" ''
  pulls "$REGISTRY/tiny:1" # loopback never goes through a proxy
  is "$(<"$ROUGH_LOG")" ''
  echo '{}' >"$DAEMON"
  HTTPS_PROXY=http://me:secret@127.0.0.1:1 expect 1 hoy pull "$FAR_TLS/tiny:1"
  one_sentence "${lines[-1]}"
  contains "$output" "can't connect to the proxy http://127.0.0.1:1 on the way to $FAR_TLS: Connection refused"
  HTTPS_PROXY=gopher://me:secret@127.0.0.1:1 expect 1 hoy pull "$FAR_TLS/tiny:1"
  contains "$output" "can't use the proxy gopher://127.0.0.1:1 on the way to $FAR_TLS"
  lacks "$output" 'tried'
  lacks "$output" secret
}

@test "proxies of daemon.json, over those of the environment" {
  proxies() { # http-proxy, https-proxy, no-proxy
    jq -n --arg far "$FAR" --arg tls "$FAR_TLS" --arg http "$1" --arg https "$2" --arg no "$3" \
      '{"insecure-registries": [$far, $tls],
        proxies: {"http-proxy": $http, "https-proxy": $https, "no-proxy": $no}}' >"$DAEMON"
    rough
  }
  export HTTPS_PROXY=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1
  proxies "http://$ROUGH" "http://$ROUGH" ''
  pulls "$FAR_TLS/tiny:1"
  contains "$(<"$ROUGH_LOG")" "CONNECT $FAR_TLS"
  pulls "$FAR/tiny:1"
  contains "$(<"$ROUGH_LOG")" "GET http://$FAR/v2/"
  proxies "http://$ROUGH" '' 10.99.0.0/16
  pulls "$FAR_TLS/tiny:1"
  is "$(<"$ROUGH_LOG")" ''
  jq '."insecure-registries" = []' "$DAEMON" >"$BATS_TEST_TMPDIR/secure"
  jq '.proxies."no-proxy" = ""' "$BATS_TEST_TMPDIR/secure" >"$DAEMON"
  expect 1 hoy pull "$FAR_TLS/tiny:1"
  contains "$output" 'proxy http://127.0.0.1:1 '
}

@test "mirror-by-digest-only: the mirror is asked for digests alone" {
  local digest
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/tiny:1")
  printf '[[registry]]\nlocation = "%s"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "%s"\n' \
    "$REGISTRY" "$ROUGH" >"$CONF"
  pulls "$REGISTRY/tiny:1"
  is "$(<"$ROUGH_LOG")" ''
  pulls "$REGISTRY/tiny@$digest"
  contains "$(<"$ROUGH_LOG")" "GET /v2/tiny/manifests/$digest"
}

# put REFERENCE TYPE: a manifest from stdin, into OWN's repository `made`.
put() {
  curl -sf -o /dev/null -X PUT -H "Content-Type: $2" --data-binary @- "http://$OWN/v2/made/manifests/$1"
}

@test "indexes in indexes; attestations and artifacts are passed by" {
  local index=application/vnd.oci.image.index.v1+json entry unknown
  skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/multi:1" "docker://$OWN/made:multi"
  entry() { # TAG [MORE]: a descriptor
    local text
    text=$(skopeo inspect --raw --tls-verify=false "docker://$OWN/made:$1"; echo x)
    printf %s "${text%x}" | jq -Rs --arg type "$index" --arg digest "sha256:$(printf %s "${text%x}" | sha256sum | cut -d' ' -f1)" \
      '{mediaType: $type, digest: $digest, size: (. | utf8bytelength)}'
  }
  entry=$(entry multi)
  # BuildKit's: an attestation for a platform that nobody has, first in the list.
  unknown=$(skopeo inspect --raw --tls-verify=false "docker://$OWN/made:multi" |
    jq '.manifests[0] + {platform: {os: "unknown", architecture: "unknown"}, annotations: {"vnd.docker.reference.type": "attestation-manifest"}}')
  jq -n --argjson entry "$entry" --argjson unknown "$unknown" --arg type "$index" \
    '{schemaVersion: 2, mediaType: $type, manifests: [$unknown, $entry]}' | put nested "$index"
  jq -n --argjson entry "$(entry nested)" --arg type "$index" \
    '{schemaVersion: 2, mediaType: $type, manifests: [$entry]}' | put nested2 "$index"
  local previous=nested2 n
  for n in 3 4 5 6 7; do
    jq -n --argjson entry "$(entry $previous)" --arg type "$index" \
      '{schemaVersion: 2, mediaType: $type, manifests: [$entry]}' | put nested$n "$index"
    previous=nested$n
  done
  local tag
  for tag in nested nested2; do
    expect 0 hoy pull -q "$OWN/made:$tag"
    matches "$(hoy run --rm "$OWN/made:$tag" cat /text)" "I am $(dpkg --print-architecture)"
    hoy rmi "$OWN/made:$tag"
  done
  expect 0 hoy pull -q --platform linux/arm64 "$OWN/made:nested2"
  hoy rmi "$OWN/made:nested2"
  expect 1 hoy pull --platform linux/s390x "$OWN/made:nested2"
  contains "$output" 's390x'
  expect 1 hoy pull "$OWN/made:nested7"
  contains "$output" 'too many other indexes'
}
