#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# manifest: lists that are put together here, and what registries have.

load lib

# shellcheck source=test/registry.bash
source "$BATS_TEST_DIRNAME/registry.bash"

# The images are copies in a registry of the file's own, of Docker's format and of OCI's.
file_setup() {
  export SOURCE=$REGISTRY SOURCE_PID=$REGISTRY_PID
  registry_start "$BATS_FILE_TMPDIR/registry"
  export R=$REGISTRY R_PID=$REGISTRY_PID REGISTRY=$SOURCE REGISTRY_PID=$SOURCE_PID
  local image
  for image in machine other; do
    copy "$SOURCE/multi:$image" "$R/oci:$image"
    copy --format v2s2 "$SOURCE/multi:$image" "$R/docker:$image"
  done
  copy --format v2s2 "$SOURCE/tiny:1" "$R/docker:tiny"
  copy --all "$SOURCE/multi:1" "$R/multi:1"
}

file_teardown() { kill "$R_PID"; }

copy() {
  skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "${@:1:$#-2}" \
    "docker://${*: -2:1}" "docker://${*: -1}"
}

@test "create, annotate, inspect, push, rm; the list is Docker's, byte for byte" {
  expect 0 hoy manifest create "$R/list:1" "$R/docker:machine" "$R/docker:other"
  is "$output" "Created manifest list $R/list:1"
  expect 1 hoy manifest create "$R/list:1" "$R/docker:machine"
  is "$output" 'hoy: refusing to amend an existing manifest list with no --amend flag'
  expect 0 hoy manifest create -a "$R/list:1" "$R/docker:tiny"
  expect 0 hoy manifest annotate "$R/list:1" "$R/docker:tiny" --arch arm --variant v7 --os-version 1.2 \
    --os-features a,b --os-features b,c
  is "$output" ''
  hoy manifest annotate "$R/list:1" "$R/docker:other" --variant '' --os-version ''
  is "$(hoy manifest inspect "$R/list:1" | jq -c '.manifests[2].platform')" \
    '{"architecture":"arm","os":"linux","os.version":"1.2","os.features":["a","b","c"],"variant":"v7"}'
  expect 0 hoy manifest push "$R/list:1"
  is "$(grep -c "^Pushed ref $R/list@sha256:" <<<"$output")" 3
  is "${lines[-1]}" "sha256:$(raw "$R/list:1" | sha256sum | cut -d' ' -f1)"
  is "$(raw "$R/list:1")" "$(hoy manifest inspect "$R/list:1")"

  docker manifest create --insecure "$R/theirs:1" "$R/docker:machine" "$R/docker:other" "$R/docker:tiny"
  docker manifest annotate "$R/theirs:1" "$R/docker:tiny" --arch arm --variant v7 --os-version 1.2 --os-features a,b,c
  docker manifest annotate "$R/theirs:1" "$R/docker:other" --variant '' --os-version ''
  is "$(docker manifest inspect "$R/theirs:1")" "$(raw "$R/list:1")"

  expect 0 hoy manifest rm "$R/list:1"
  expect 1 hoy manifest rm "$R/list:1"
  is "$output" "hoy: No such manifest: $R/list:1"
  # It is the registry's now.
  is "$(hoy manifest inspect "$R/list:1")" "$(raw "$R/list:1")"
}

@test "what was pushed is an image for each platform" {
  hoy manifest create "$R/both:1" "$R/oci:machine" "$R/oci:other"
  expect 0 hoy manifest push --purge "$R/both:1"
  expect 1 hoy manifest rm "$R/both:1"
  is "$(raw "$R/both:1" | jq -r .mediaType)" application/vnd.oci.image.index.v1+json
  hoy pull -q "$R/both:1"
  matches "$(hoy run --rm "$R/both:1" cat /text)" "I am $(dpkg --print-architecture)"
  hoy rmi "$R/both:1"
  hoy pull -q --platform linux/arm64 "$R/both:1"
  is "$(hoy image inspect "$R/both:1" | jq -r '.[0].Architecture')" arm64
  hoy rmi "$R/both:1"
  skopeo --insecure-policy --override-arch arm64 copy -q --src-tls-verify=false "docker://$R/both:1" \
    "dir:$BATS_TEST_TMPDIR/arm64"
}

@test "images of another registry come along" {
  hoy manifest create "$R/moved:1" "$SOURCE/multi:machine" "$R/oci:other"
  expect 0 hoy manifest push "$R/moved:1"
  is "$(raw "$R/moved:1" | jq '.manifests | length')" 2
  hoy pull -q "$R/moved:1"
  matches "$(hoy run --rm "$R/moved:1" cat /text)" "I am $(dpkg --print-architecture)"
  hoy rmi "$R/moved:1"
  hoy manifest rm "$R/moved:1"
}

@test "inspect: manifests and lists of a registry" {
  is "$(hoy manifest inspect "$R/oci:machine" | jq -c .)" "$(raw "$R/oci:machine" | jq -c .)"
  is "$(hoy manifest inspect "$R/multi:1" | jq -c '[.manifests[] | .digest, .platform]')" \
    "$(raw "$R/multi:1" | jq -c '[.manifests[] | .digest, .platform]')"
  expect 0 hoy manifest inspect -v "$R/docker:other"
  is "$(jq -c '.Descriptor | .digest, .size, .platform' <<<"$output" | tr '\n' ' ')" \
    "\"sha256:$(raw "$R/docker:other" | sha256sum | cut -d' ' -f1)\" $(raw "$R/docker:other" | wc -c) {\"architecture\":\"arm64\",\"os\":\"linux\"} "
  is "$(jq -r .Raw <<<"$output" | base64 -d)" "$(raw "$R/docker:other")"
  is "$(jq -c .SchemaV2Manifest <<<"$output")" "$(raw "$R/docker:other" | jq -c .)"
  expect 0 hoy manifest inspect -v "$R/multi:1"
  is "$(jq -r '.[].OCIManifest.config.digest' <<<"$output" | wc -l)" 2
  is "$(jq -r '.[0].Ref' <<<"$output")" "$R/multi:1@$(raw "$R/multi:1" | jq -r '.manifests[0].digest')"
}

@test "what is wrong is said, and leaves nothing" {
  expect 1 hoy manifest create "$R/wrong:1" "$R/oci:machine" "$R/nope:1"
  is "$output" "hoy: no such manifest: $R/nope:1"
  expect 1 hoy manifest create "$R/wrong:1" "$R/oci:machine" "$R/multi:1"
  is "$output" "hoy: $R/multi:1 is a manifest list"
  expect 1 hoy manifest push "$R/wrong:1"
  is "$output" "hoy: No such manifest: $R/wrong:1"
  expect 1 hoy manifest annotate "$R/wrong:1" "$R/oci:machine" --arch arm
  is "$output" "hoy: manifest for image $R/oci:machine does not exist in $R/wrong:1"
  hoy manifest create "$R/right:1" "$R/oci:machine"
  expect 1 hoy manifest annotate "$R/right:1" "$R/oci:machine" --arch nonsense
  contains "$output" 'unsupported os/arch combination: linux/nonsense'
  expect 1 hoy manifest inspect "$R/right:1" "$R/oci:other"
  is "$output" "hoy: No such manifest: $R/oci:other"
  expect 125 hoy manifest push --insecure "$R/right:1"
  contains "$output" insecure
  hoy manifest rm "$R/right:1"
  is "$(find "$HOY_ROOT/tmp" -mindepth 1 2>/dev/null)" ''
}
