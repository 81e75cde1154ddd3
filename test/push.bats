#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# push: to the registry that an image came from, to others, and to such as fail on the way.

load lib

# shellcheck source=test/registry.bash
source "$BATS_TEST_DIRNAME/registry.bash"

# The suite's registry is SOURCE, and is left as it is but for repositories below push/; pushed to is REGISTRY2,
# FLAKY is the proxy before it.
file_setup() {
  export SOURCE=$REGISTRY SOURCE_PID=$REGISTRY_PID
  registry_start "$BATS_FILE_TMPDIR/second"
  export REGISTRY2=$REGISTRY REGISTRY2_PID=$REGISTRY_PID
  export REGISTRY=$SOURCE REGISTRY_PID=$SOURCE_PID
  export FLAKY_LOG=$BATS_FILE_TMPDIR/flaky.log
  "$BATS_TEST_DIRNAME/flaky-registry.py" "$REGISTRY2" "$FLAKY_LOG" >"$BATS_FILE_TMPDIR/port" 3>&- 4>&- &
  export FLAKY_PID=$!
  wait_line "$BATS_FILE_TMPDIR/port" '[0-9]'
  FLAKY=127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  export FLAKY
  skopeo --insecure-policy copy -q --format v2s2 --src-tls-verify=false --dest-tls-verify=false \
    "docker://$SOURCE/tiny:1" "docker://$REGISTRY2/v2s2:1"
  make_random
  for image in debian:12 layers:1 random:1; do hoy pull -q "$SOURCE/$image" >/dev/null; done
}

# An image of several chunks, compressed too.
make_random() {
  local layout=$BATS_FILE_TMPDIR/oci
  head -c 9000000 /dev/urandom >"$BATS_FILE_TMPDIR/random"
  tar -C "$BATS_FILE_TMPDIR" -cf "$BATS_FILE_TMPDIR/random.tar" random
  umoci init --layout "$layout"
  umoci new --image "$layout:random"
  umoci raw add-layer --image "$layout:random" "$BATS_FILE_TMPDIR/random.tar"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout:random" "docker://$SOURCE/random:1"
}

file_teardown() {
  kill "$FLAKY_PID" "$REGISTRY2_PID"
  rm -rf "$TEST_IMAGES"/registry/docker/registry/v2/repositories/{push,random}
}

sum_of() { raw "$1" | sha256sum; }
type_of_layer() { raw "$1" | jq -r '.layers[0].mediaType'; }

# right IMAGE ORIGINAL: the same config, and layers that are, uncompressed, what the config calls them.
right() {
  local host=${1%%/*} repository=${1#*/} manifest type digest
  repository=${repository%:*}
  manifest=$(raw "$1")
  is "$(jq -r .config.digest <<<"$manifest")" \
    "$(raw "$2" | jq -r .config.digest)"
  while read -r type digest; do
    curl -fsS "http://$host/v2/$repository/blobs/$digest" | case $type in *zstd) zstd -dc ;; *gzip) zcat ;; *) cat ;; esac |
      sha256sum | sed 's/^/sha256:/; s/ .*//'
  done < <(jq -r '.layers[] | .mediaType + " " + .digest' <<<"$manifest") >"$BATS_TEST_TMPDIR/diff_ids"
  is "$(<"$BATS_TEST_TMPDIR/diff_ids")" \
    "$(skopeo inspect --config --raw --tls-verify=false "docker://$2" | jq -r '.rootfs.diff_ids[]')"
}

@test "to another repository of the same registry: mounted, byte for byte" {
  hoy tag "$SOURCE/debian:12" "$SOURCE/push/debian:x"
  expect 0 hoy push "$SOURCE/push/debian:x"
  is "${lines[0]}" "The push refers to repository [$SOURCE/push/debian]"
  matches "$output" $'\n[0-9a-f]{12}: Mounted from debian\n'
  matches "${lines[-1]}" '^x: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
  is "$(sum_of "$SOURCE/push/debian:x")" "$(sum_of "$SOURCE/debian:12")"
  contains "$(hoy images --digests)" "$SOURCE/push/debian"
  expect 0 hoy push "$SOURCE/push/debian:x"
  matches "$output" '[0-9a-f]{12}: Layer already exists'
}

@test "to another registry: through here, byte for byte, and nothing touches the disk" {
  hoy tag "$SOURCE/debian:12" "$REGISTRY2/deb:12"
  local before
  before=$(find "$HOY_ROOT" -type f ! -name 'hoy.db*' | sort)
  expect 0 hoy push "$REGISTRY2/deb:12"
  matches "$output" '[0-9a-f]{12}: Pushed'
  lacks "$output" anew
  is "$(sum_of "$REGISTRY2/deb:12")" "$(sum_of "$SOURCE/debian:12")"
  is "$(find "$HOY_ROOT" -type f ! -name 'hoy.db*' | sort)" "$before"
}

@test "several layers, all tags, -q, the default tag, the platform" {
  for tag in 1 2 latest; do hoy tag "$SOURCE/layers:1" "$REGISTRY2/several:$tag"; done
  expect 0 hoy image push -q --platform "linux/$(dpkg --print-architecture)" "$REGISTRY2/several"
  is "$output" "$REGISTRY2/several:latest"
  expect 0 hoy push -a "$REGISTRY2/several"
  is "$(grep -c 'Layer already exists' <<<"$output")" 12
  for tag in 1 2 latest; do
    matches "$output" $'\n'"$tag: digest: sha256:"
    is "$(sum_of "$REGISTRY2/several:$tag")" "$(sum_of "$SOURCE/layers:1")"
  done
  expect 0 hoy push "$REGISTRY2/several"
  is "${lines[0]}" 'Using default tag: latest'
  expect 1 hoy push --platform linux/s390x "$REGISTRY2/several"
  contains "$output" 'wanted linux/s390x, actual: linux/'
}

@test "what was pulled for a platform of an index" {
  hoy pull -q --platform linux/arm64 "$SOURCE/multi:1"
  hoy tag "$SOURCE/multi:1" "$REGISTRY2/one:1"
  hoy push "$REGISTRY2/one:1"
  local digest
  digest=$(raw "$SOURCE/multi:1" |
    jq -r '.manifests[] | select(.platform.architecture == "arm64").digest')
  is "$(sum_of "$REGISTRY2/one:1")" "$(sum_of "$SOURCE/multi@$digest")"
}

@test "the source can't be reached: compressed anew, and it says so" {
  hoy pull -q "$SOURCE/layers:1"
  registry_start "$BATS_TEST_TMPDIR/third"
  skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$SOURCE/layers:1" \
    "docker://$REGISTRY/once:1"
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy pull -q "$REGISTRY/once:1"
  hoy tag "$REGISTRY/once:1" "$REGISTRY2/anew:1"
  registry_stop
  expect 0 hoy push "$REGISTRY2/anew:1"
  is "$(grep -c '^hoy: .*compressed anew, the digest changes: .*refused' <<<"$output")" 1
  right "$REGISTRY2/anew:1" "$SOURCE/layers:1"
  local id
  id=$(hoy images -q --no-trunc | sort -u)
  # Once more, here and elsewhere: the same bytes, and nothing is sent that is there.
  expect 0 hoy push "$REGISTRY2/anew:1"
  is "$(grep -c 'Layer already exists' <<<"$output")" 4
  hoy tag "$REGISTRY2/anew:1" "$REGISTRY2/again:1"
  expect 0 hoy push "$REGISTRY2/again:1"
  is "$(grep -c 'Mounted from anew' <<<"$output")" 4
  is "$(sum_of "$REGISTRY2/again:1")" "$(sum_of "$REGISTRY2/anew:1")"
  hoy rmi -f "$id" >/dev/null
  hoy pull -q "$REGISTRY2/anew:1"
  is "$(hoy images -q --no-trunc)" "$id"
  is "$(hoy run --rm --entrypoint cat "$REGISTRY2/anew:1" /data/changed)" new
  podman --root "$BATS_TEST_TMPDIR/podman" --storage-driver vfs pull -q --tls-verify=false "$REGISTRY2/anew:1" ||
    false
  podman --root "$BATS_TEST_TMPDIR/podman" --storage-driver vfs rmi -f "$REGISTRY2/anew:1"
}

@test "what was made here is compressed, as gzip or zstd; the same each time" {
  expect 0 hoy pull base
  hoy tag base:latest "$REGISTRY2/base:1"
  expect 0 hoy push "$REGISTRY2/base:1"
  lacks "$output" anew
  is "$(type_of_layer "$REGISTRY2/base:1")" application/vnd.oci.image.layer.v1.tar+gzip
  local first
  first=$(sum_of "$REGISTRY2/base:1")
  hoy tag base:latest "$REGISTRY2/zstd:1"
  expect 0 hoy push --compression zstd "$REGISTRY2/zstd:1"
  is "$(type_of_layer "$REGISTRY2/zstd:1")" application/vnd.oci.image.layer.v1.tar+zstd
  right "$REGISTRY2/zstd:1" "$REGISTRY2/base:1"
  expect 0 hoy push --compression zstd:9 "$REGISTRY2/zstd:1"
  expect 0 hoy push "$REGISTRY2/base:1"
  matches "$output" 'Layer already exists'
  is "$(sum_of "$REGISTRY2/base:1")" "$first"
  # A store that knows nothing of it makes the same.
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy pull base
  hoy tag base:latest "$FLAKY/absolute/base:zstd"
  hoy push --compression zstd "$FLAKY/absolute/base:zstd"
  hoy tag base:latest "$FLAKY/absolute/base:again"
  hoy push "$FLAKY/absolute/base:again"
  is "$(sum_of "$REGISTRY2/base:again")" "$first"
  hoy rmi -f base
  hoy pull -q "$REGISTRY2/zstd:1"
  is "$(hoy run --rm "$REGISTRY2/zstd:1" echo from zstd)" 'from zstd'
}

@test "--compression compresses what is compressed otherwise, --force-compression all" {
  hoy tag "$SOURCE/layers:1" "$REGISTRY2/other:1"
  hoy push --compression gzip "$REGISTRY2/other:1"
  is "$(sum_of "$REGISTRY2/other:1")" "$(sum_of "$SOURCE/layers:1")"
  hoy push --compression zstd "$REGISTRY2/other:1"
  is "$(type_of_layer "$REGISTRY2/other:1")" application/vnd.oci.image.layer.v1.tar+zstd
  right "$REGISTRY2/other:1" "$SOURCE/layers:1"
  hoy push --force-compression "$REGISTRY2/other:1"
  is "$(type_of_layer "$REGISTRY2/other:1")" application/vnd.oci.image.layer.v1.tar+gzip
  right "$REGISTRY2/other:1" "$SOURCE/layers:1"
  hoy push "$REGISTRY2/other:1"
  is "$(sum_of "$REGISTRY2/other:1")" "$(sum_of "$SOURCE/layers:1")"
  expect 125 hoy push --compression gzip:6 "$REGISTRY2/other:1"
  contains "$output" 'zstd:LEVEL'
}

@test "Docker's manifests stay Docker's, and become OCI's for zstd" {
  hoy pull -q "$REGISTRY2/v2s2:1"
  hoy tag "$REGISTRY2/v2s2:1" "$REGISTRY2/v2s2-copy:1"
  hoy push "$REGISTRY2/v2s2-copy:1"
  is "$(sum_of "$REGISTRY2/v2s2-copy:1")" "$(sum_of "$REGISTRY2/v2s2:1")"
  hoy push --force-compression "$REGISTRY2/v2s2-copy:1"
  is "$(type_of_layer "$REGISTRY2/v2s2-copy:1")" application/vnd.docker.image.rootfs.diff.tar.gzip
  hoy push --compression zstd "$REGISTRY2/v2s2-copy:1"
  lacks "$(raw "$REGISTRY2/v2s2-copy:1")" docker
  right "$REGISTRY2/v2s2-copy:1" "$SOURCE/tiny:1"
}

@test "one image that came by two manifests: each name has its own" {
  local gzip zstd host=$REGISTRY2
  hoy tag "$SOURCE/layers:1" "$host/two:1"
  hoy push -q --compression zstd "$host/two:1"
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy pull -q "$SOURCE/layers:1"
  hoy pull -q "$host/two:1"
  is "$(hoy images -q | wc -l)" 1
  gzip=$(sum_of "$SOURCE/layers:1") zstd=$(sum_of "$host/two:1")
  [[ $gzip != "$zstd" ]]
  expect 0 hoy push "$host/two:1"
  is "$(sum_of "$host/two:1")" "$zstd"
  # What is made of a name, a digest or the id.
  hoy tag "$host/two:1" "$host/two-tag:1"
  hoy tag "$host/two@sha256:${zstd%% *}" "$host/two-digest:1"
  hoy tag "$SOURCE/layers:1" "$host/two-first:1"
  hoy tag "$(hoy images -q)" "$host/two-id:1"
  for name in tag digest first id; do hoy push -q "$host/two-$name:1"; done
  is "$(sum_of "$host/two-tag:1")" "$zstd"
  is "$(sum_of "$host/two-digest:1")" "$zstd"
  is "$(sum_of "$host/two-first:1")" "$gzip"
  is "$(sum_of "$host/two-id:1")" "$gzip"
  # A name that is given away takes the other along.
  hoy tag "$host/two-first:1" "$host/two-tag:1"
  hoy push -q "$host/two-tag:1"
  is "$(sum_of "$host/two-tag:1")" "$gzip"
  # What was pushed is known by its digest, as it was pushed.
  hoy push -q --compression zstd:9 "$host/two-first:1"
  zstd=$(sum_of "$host/two-first:1")
  hoy tag "$host/two-first@sha256:${zstd%% *}" "$host/two-nine:1"
  hoy push -q "$host/two-nine:1"
  is "$(sum_of "$host/two-nine:1")" "$zstd"
  expect 0 hoy image verify
  hoy rmi -f "$(hoy images -q)" >/dev/null
  is "$(hoy images -q)" ''
}

@test "one image in many repositories: it comes from where it is as it is to be" {
  local name zstd
  hoy tag "$SOURCE/layers:1" "$REGISTRY2/many/zstd:1"
  hoy push -q --compression zstd:9 "$REGISTRY2/many/zstd:1"
  for name in a b c d; do
    skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false --dest-tls-verify=false \
      "docker://$SOURCE/layers:1" "docker://$REGISTRY2/many/$name:1"
  done
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  for name in a b c d zstd; do hoy pull -q "$REGISTRY2/many/$name:1"; done
  zstd=$(sum_of "$REGISTRY2/many/zstd:1")
  for name in "$REGISTRY2/many/new:1" "$SOURCE/push/new:1"; do
    hoy tag "$REGISTRY2/many/zstd:1" "$name"
    expect 0 hoy push "$name"
    lacks "$output" anew
    is "$(sum_of "$name")" "$zstd"
  done
}

# trouble NAME IMAGE [OPTION...]: pushes through the proxy; it arrives all the same.
trouble() {
  local name=$1 image=$2
  shift 2
  : >"$FLAKY_LOG"
  hoy tag "$SOURCE/$image" "$FLAKY/$name/$name:1"
  expect 0 hoy push "$@" "$FLAKY/$name/$name:1"
  right "$REGISTRY2/$name:1" "$SOURCE/$image"
}

@test "registries that fail once, or answer in other ways" {
  trouble absolute layers:1
  trouble busy layers:1
  trouble deaf layers:1
  trouble break random:1
  is "$(sum_of "$REGISTRY2/break:1")" "$(sum_of "$SOURCE/random:1")"
  trouble small random:1
  contains "$(<"$FLAKY_LOG")" 4194304-8388607
}

@test "chunks: the registry's least size; an upload that broke goes on where it was" {
  trouble minimum random:1 --force-compression
  contains "$(<"$FLAKY_LOG")" ' 6291456-9'  # and what is left
  registry_start "$BATS_TEST_TMPDIR/fourth"
  local log=$BATS_TEST_TMPDIR/log
  "$BATS_TEST_DIRNAME/flaky-registry.py" "$REGISTRY" "$log" >"$BATS_TEST_TMPDIR/port" 3>&- 4>&- &
  local pid=$!
  wait_line "$BATS_TEST_TMPDIR/port" '[0-9]'
  local flaky
  flaky=127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy pull -q "$SOURCE/random:1"
  hoy tag "$SOURCE/random:1" "$flaky/resume/x:1"
  expect 0 hoy push --force-compression "$flaky/resume/x:1"
  contains "$(<"$log")" 4894304-8388607
  is "$(grep -c ' 0-4194303$' "$log")" 2 # asked for once, and answered once: it did not begin again
  is "$(skopeo inspect --tls-verify=false "docker://$REGISTRY/x:1" | jq -r '.Layers | length')" 1
  kill "$pid"
  registry_stop
}

# referrer NAME TYPE: an image NAME:1 of the source, which refers to tiny:1 as TYPE.
referrer() {
  local layout=$BATS_TEST_TMPDIR/layout manifest=$BATS_TEST_TMPDIR/manifest size
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$SOURCE/tiny:1" "oci:$layout:1"
  umoci config --image "$layout:1" --author "$2"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout:1" "docker://$SOURCE/$1:1"
  SUBJECT=$(sum_of "$SOURCE/tiny:1" | cut -d' ' -f1)
  size=$(raw "$SOURCE/tiny:1" | wc -c)
  raw "$SOURCE/$1:1" |
    jq -c --arg digest "sha256:$SUBJECT" --arg type "$2" --argjson size "$size" \
      --arg manifest application/vnd.oci.image.manifest.v1+json \
      '. + {mediaType: $manifest, artifactType: $type, annotations: {about: $type},
        subject: {mediaType: $manifest, digest: $digest, size: $size}}' >"$manifest"
  curl -fsS -o /dev/null -X PUT --data-binary "@$manifest" \
    -H "Content-Type: application/vnd.oci.image.manifest.v1+json" "http://$SOURCE/v2/$1/manifests/1"
  hoy pull -q "$SOURCE/$1:1"
}

@test "what refers to another image is listed: by the registry, or under the tag in its place" {
  local list
  referrer push/first a/first
  hoy tag "$SOURCE/push/first:1" "$REGISTRY2/referrer:first"
  expect 0 hoy push -q "$REGISTRY2/referrer:first"
  expect 0 hoy push -q "$REGISTRY2/referrer:first"
  list=$(raw "$REGISTRY2/referrer:sha256-$SUBJECT")
  is "$(jq -c '.manifests | map([.artifactType, .annotations])' <<<"$list")" '[["a/first",{"about":"a/first"}]]'
  is "$(jq -r '.manifests[0].digest' <<<"$list")" "sha256:$(sum_of "$SOURCE/push/first:1" | cut -d' ' -f1)"
  is "$(jq -r '.manifests[0].size' <<<"$list")" "$(wc -c <"$BATS_TEST_TMPDIR/manifest")"
  referrer push/second a/second
  hoy tag "$SOURCE/push/second:1" "$REGISTRY2/referrer:second"
  expect 0 hoy push -q "$REGISTRY2/referrer:second"
  list=$(raw "$REGISTRY2/referrer:sha256-$SUBJECT")
  is "$(jq -c '.manifests | map(.artifactType)' <<<"$list")" '["a/first","a/second"]'
  # A registry that says that it lists them itself.
  hoy tag "$SOURCE/push/first:1" "$FLAKY/referrers/own:1"
  expect 0 hoy push -q "$FLAKY/referrers/own:1"
  is "$(curl -fsS "http://$REGISTRY2/v2/own/tags/list" | jq -c .tags)" '["1"]'
  # Something else is under the tag.
  skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false \
    "docker://$SOURCE/tiny:1" "docker://$REGISTRY2/other:sha256-$SUBJECT"
  hoy tag "$SOURCE/push/first:1" "$REGISTRY2/other:1"
  expect 1 hoy push -q "$REGISTRY2/other:1"
  contains "$output" "the list of what refers to sha256:$SUBJECT: the list of referrers is no index"
}

@test "registries that fail for good" {
  hoy tag "$SOURCE/layers:1" "$FLAKY/down/x:1"
  expect 1 hoy push "$FLAKY/down/x:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'the disk is full'
  hoy tag "$SOURCE/random:1" "$FLAKY/tiny/x:1"
  expect 1 hoy push "$FLAKY/tiny/x:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" "$FLAKY refuses a body of this size (413)"
  hoy tag "$SOURCE/layers:1" "$FLAKY/denied/x:1"
  expect 1 hoy push "$FLAKY/denied/x:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'requested access to the resource is denied'
  contains "${lines[-1]}" "hoy login $FLAKY"
  hoy tag "$SOURCE/layers:1" "$FLAKY/elsewhere/x:1"
  expect 1 hoy push "$FLAKY/elsewhere/x:1"
  contains "${lines[-1]}" 'example.com without TLS: refused'
  hoy tag "$SOURCE/layers:1" "$FLAKY/liar/x:1"
  expect 1 hoy push "$FLAKY/liar/x:1"
  contains "${lines[-1]}" 'sha256:0000'
  hoy tag "$SOURCE/layers:1" 127.0.0.1:1/x:1
  expect 1 hoy push 127.0.0.1:1/x:1
  contains "${lines[-1]}" 'Connection refused'
  expect 1 hoy push "$REGISTRY2/nope:1"
  is "${lines[-1]}" "hoy: An image does not exist locally with the tag: $REGISTRY2/nope:1"
  expect 1 hoy push "$REGISTRY2/nope@sha256:$(printf '0%.0s' {1..64})"
  contains "$output" 'cannot push a digest reference'
  lacks "$(hoy images --digests)" "$FLAKY/liar/x   1    sha256"
}

@test "tokens: asked for once, for pushing and for where layers are mounted from" {
  hoy tag "$SOURCE/layers:1" "$FLAKY/bearer/a:1"
  hoy push "$FLAKY/bearer/a:1"
  hoy tag "$SOURCE/layers:1" "$FLAKY/bearer/b:1"
  : >"$FLAKY_LOG"
  expect 0 hoy push "$FLAKY/bearer/b:1"
  is "$(grep -c '^token ' "$FLAKY_LOG")" 1
  contains "$(grep '^token ' "$FLAKY_LOG")" 'token repository:bearer/b:pull,push '
  contains "$(grep '^token ' "$FLAKY_LOG")" 'repository:bearer/a:pull'
}

@test "a registry with passwords" {
  # shellcheck disable=SC2016 # bcrypt of "secret"
  echo 'user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a' >"$BATS_TEST_TMPDIR/htpasswd"
  registry_start "$BATS_TEST_TMPDIR/locked" "auth: {htpasswd: {realm: here, path: $BATS_TEST_TMPDIR/htpasswd}}"
  local locked=$REGISTRY
  hoy tag "$SOURCE/layers:1" "$locked/x:1"
  export DOCKER_CONFIG=$BATS_TEST_TMPDIR
  expect 1 hoy push "$locked/x:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'authentication required'
  contains "${lines[-1]}" "hoy login $locked"
  echo "{\"auths\":{\"$locked\":{\"auth\":\"$(printf user:wrong | base64)\"}}}" >"$DOCKER_CONFIG/config.json"
  expect 1 hoy push "$locked/x:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" "hoy login $locked"
  lacks "$output" wrong
  echo "{\"auths\":{\"$locked\":{\"auth\":\"$(printf user:secret | base64)\"}}}" >"$DOCKER_CONFIG/config.json"
  expect 0 hoy push "$locked/x:1"
  is "$(skopeo inspect --raw --tls-verify=false --creds user:secret "docker://$locked/x:1" | sha256sum)" \
    "$(sum_of "$SOURCE/layers:1")"
  registry_stop
}

@test "layers that are directories are pushed while their registry has them" {
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  registry_start "$BATS_TEST_TMPDIR/fifth"
  skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$SOURCE/tiny:1" \
    "docker://$REGISTRY/tiny:1"
  hoy --storage-driver dir pull -q "$REGISTRY/tiny:1"
  hoy tag "$REGISTRY/tiny:1" "$REGISTRY2/dir:1"
  expect 0 hoy --storage-driver dir push "$REGISTRY2/dir:1"
  is "$(sum_of "$REGISTRY2/dir:1")" "$(sum_of "$SOURCE/tiny:1")"
  local gone=$REGISTRY
  registry_stop
  hoy tag "$gone/tiny:1" "$FLAKY/absolute/dir2:1"
  expect 1 hoy --storage-driver dir push --force-compression "$FLAKY/absolute/dir2:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'not kept as a file here'
}

@test "what was made on top of a plain layer that is a directory: the layer goes as it was served" {
  local dir=$BATS_TEST_TMPDIR/plain
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy() { "$HOY" --storage-driver dir "$@"; }
  skopeo --insecure-policy copy -q --dest-decompress --src-tls-verify=false "docker://$SOURCE/tiny:1" "dir:$dir"
  skopeo --insecure-policy copy -q --preserve-digests --dest-tls-verify=false "dir:$dir" "docker://$REGISTRY2/plain:1"
  hoy create --name on-plain "$REGISTRY2/plain:1" >/dev/null
  echo new >"$dir/new"
  hoy cp "$dir/new" on-plain:/new
  hoy commit on-plain "$REGISTRY2/on-plain:1" >/dev/null
  hoy rm on-plain >/dev/null
  expect 0 hoy push "$REGISTRY2/on-plain:1"
  is "$(raw "$REGISTRY2/on-plain:1" | jq -c '.layers[0]')" "$(raw "$REGISTRY2/plain:1" | jq -c '.layers[0]')"
  is "$(raw "$REGISTRY2/on-plain:1" | jq '.layers | length')" 2
}

@test "ctrl-C in the middle of a push" {
  hoy tag "$SOURCE/random:1" "$FLAKY/slow/cut:1"
  : >"$FLAKY_LOG"
  "$HOY" push --force-compression "$FLAKY/slow/cut:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  local pid=$! worker
  wait_line "$FLAKY_LOG" '^(PATCH|PUT) '
  worker=$(pgrep -P "$pid" || true)
  kill -INT "$pid"
  ends_with 130 "$pid"
  [[ -z $worker ]] || wait_gone "$worker"
  expect 1 skopeo inspect --tls-verify=false "docker://$REGISTRY2/cut:1"
  contains "$(hoy images --digests | grep slow/cut)" '<none>'
}
