#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# image referrers: what registries say refers to an image.

load lib

file_setup() {
  export LOG=$BATS_FILE_TMPDIR/log
  "$BATS_TEST_DIRNAME/referrers-registry.py" "$LOG" >"$BATS_FILE_TMPDIR/port" 3>&- 4>&- &
  export SERVER_PID=$!
  wait_line "$BATS_FILE_TMPDIR/port" '[0-9]'
  SERVER=127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  SUBJECT=sha256:$(printf 'a%.0s' {1..64})
  export SERVER SUBJECT
}
file_teardown() {
  kill "$SERVER_PID"
  rm -rf "$TEST_IMAGES"/registry/docker/registry/v2/repositories/referred
}
test_setup() { : >"$LOG"; }

digit() { echo "sha256:$(printf "$1%.0s" {1..64})"; }

@test "by the registry's own list, page after page, each once" {
  expect 0 hoy image referrers "$SERVER/two@$SUBJECT"
  matches "${lines[0]}" '^ARTIFACT TYPE +DIGEST +SIZE$'
  matches "${lines[1]}" "^a/first +$(digit 1) +1.234kB$"
  is "${#lines[@]}" 4
  is "$(hoy image referrers -q "$SERVER/two@$SUBJECT")" "$(digit 1)"$'\n'"$(digit 2)"$'\n'"$(digit 3)"
  is "$(hoy image referrers --format '{{.Subject}} {{.MediaType}}' "$SERVER/two@$SUBJECT" | sort -u)" \
    "$SUBJECT application/vnd.oci.image.manifest.v1+json"
  expect 0 hoy image referrers -q "$SERVER/none@$SUBJECT"
  is "$output" ''
}

@test "what is no list" {
  expect 1 hoy image referrers "$SERVER/circle@$SUBJECT"
  contains "$output" 'more than 100 pages'
  is "$(wc -l <"$LOG")" 100
  for name in html manifest wrong; do
    expect 1 hoy image referrers "$SERVER/$name@$SUBJECT"
    one_sentence "$output"
    contains "$output" "an index of what refers to $SUBJECT"
  done
  expect 1 hoy image referrers "$SERVER/error@$SUBJECT"
  contains "$output" 'not for you'
  expect 0 hoy image referrers "$SERVER/types@$SUBJECT"
  contains "$output" '?[31mred'
  matches "$output" $'\n<none> '
  expect 1 hoy image referrers "$SERVER/unknown:1"
  contains "$output" 'not found'
  expect 1 hoy image referrers "$SERVER/two@sha256:1"
  expect 1 hoy image referrers
}

# docker-registry has no list: it is under a tag, where hoy push and others put it.
@test "by the tag in its place" {
  local subject manifest size
  skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false --dest-tls-verify=false \
    "docker://$REGISTRY/tiny:1" "docker://$REGISTRY/referred:1"
  expect 0 hoy image referrers -q "$REGISTRY/referred:1"
  is "$output" ''
  subject=sha256:$(raw "$REGISTRY/referred:1" | sha256sum | cut -d ' ' -f 1)
  size=$(raw "$REGISTRY/referred:1" | wc -c)
  manifest=$BATS_TEST_TMPDIR/manifest
  raw "$REGISTRY/referred:1" | jq -c --arg digest "$subject" --argjson size "$size" \
    --arg type application/vnd.oci.image.manifest.v1+json \
    '. + {mediaType: $type, artifactType: "a/signature", subject: {mediaType: $type, digest: $digest, size: $size}}' \
    >"$manifest"
  curl -fsS -o /dev/null -X PUT --data-binary "@$manifest" \
    -H "Content-Type: application/vnd.oci.image.manifest.v1+json" "http://$REGISTRY/v2/referred/manifests/signature"
  hoy pull -q "$REGISTRY/referred:signature" >/dev/null
  hoy push -q "$REGISTRY/referred:signature" >/dev/null
  is "$(hoy image referrers --format '{{.ArtifactType}} {{.Digest}} {{.Subject}}' "$REGISTRY/referred:1")" \
    "a/signature sha256:$(sha256sum <"$manifest" | cut -d ' ' -f 1) $subject"
  hoy rmi "$REGISTRY/referred:signature" >/dev/null
}
