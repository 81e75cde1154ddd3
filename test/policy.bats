#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# policy.json of containers/image: what is let in. Verdicts are compared with skopeo's under the same policy.

load lib

# shellcheck source=test/registry.bash
source "$BATS_TEST_DIRNAME/registry.bash"

file_setup() {
  local upstream=$REGISTRY
  registry_start "$BATS_FILE_TMPDIR/storage"
  export SIGNED=$REGISTRY SIGNED_PID=$REGISTRY_PID REGISTRY=$upstream
  for name in signed unsigned; do
    skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false \
      "docker://$upstream/tiny:1" "docker://$SIGNED/team/$name:1"
  done
  cd "$BATS_FILE_TMPDIR" || return
  openssl ecparam -name prime256v1 -genkey -noout -out key.pem
  openssl ec -in key.pem -pubout -out key.pub 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out other.pub 2>/dev/null
  mkdir registries.d
  printf 'docker:\n  %s:\n    use-sigstore-attachments: true\n' "$SIGNED" >registries.d/x.yaml
}

file_teardown() { kill "$SIGNED_PID"; }

test_setup() {
  export HOME=$BATS_TEST_TMPDIR
  mkdir -p "$HOME/.config/containers"
}

test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# sign NAME CLAIMED [DIGEST]: attaches a signature to an image, as cosign does.
sign() {
  local digest payload signature blob config base=http://$SIGNED/v2/team/$1
  digest=$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$SIGNED/team/$1:1")
  payload=$BATS_TEST_TMPDIR/payload
  printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
    "$2" "${3:-$digest}" >"$payload"
  signature=$(openssl dgst -sha256 -sign "$BATS_FILE_TMPDIR/key.pem" "$payload" | base64 -w 0)
  config='{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
  blob=$(put_blob "$base" "$payload")
  printf '%s' "$config" >"$BATS_TEST_TMPDIR/config"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"%s","size":%d,"annotations":{"dev.cosignproject.cosign/signature":"%s"}}]}' \
    "$(put_blob "$base" "$BATS_TEST_TMPDIR/config")" "${#config}" "$blob" "$(stat -c %s "$payload")" "$signature" \
    >"$BATS_TEST_TMPDIR/manifest"
  curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    --data-binary "@$BATS_TEST_TMPDIR/manifest" "$base/manifests/${digest/:/-}.sig"
}

put_blob() {
  local digest place
  digest=sha256:$(sha256sum "$2" | cut -d ' ' -f 1)
  place=$(curl -fsS -X POST -D - -o /dev/null "$1/blobs/uploads/" | tr -d '\r' | sed -nE 's/^[Ll]ocation: //p')
  [[ $place == http* ]] || place=http://$SIGNED$place
  [[ $place == *\?* ]] && place+='&' || place+='?'
  curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "${place}digest=$digest" -o /dev/null
  echo "$digest"
}

# policy JSON: the default rejects; JSON is what team/… needs.
policy() {
  printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s/team":[%s]}}}' "$SIGNED" "$1" \
    >"$HOME/.config/containers/policy.json"
}

sigstore() { printf '{"type":"sigstoreSigned","keyPath":"%s/%s"%s}' "$BATS_FILE_TMPDIR" "$1" "${2:+,\"signedIdentity\":$2}"; }

# verdict 0|1 NAME: what hoy and skopeo say of an image. Debian's skopeo knows no sigstore, and an older one no lists
# of keys: then hoy alone.
verdict() {
  expect "$1" hoy pull -q "$SIGNED/team/$2"
  local said=$output code=0
  skopeo --policy "$HOME/.config/containers/policy.json" --registries.d "$BATS_FILE_TMPDIR/registries.d" \
    copy -q --src-tls-verify=false --remove-signatures "docker://$SIGNED/team/$2" "dir:$BATS_TEST_TMPDIR/copy" \
    >"$BATS_TEST_TMPDIR/skopeo" 2>&1 || code=1
  grep -q 'sigstore disabled\|Unknown key \\"key' "$BATS_TEST_TMPDIR/skopeo" || is "skopeo $code: $(<"$BATS_TEST_TMPDIR/skopeo")" "skopeo $1: $(<"$BATS_TEST_TMPDIR/skopeo")"
  output=$said
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
}

@test "without a policy everything is let in, and the default of one may reject it" {
  expect 0 hoy pull -q "$SIGNED/team/unsigned:1"
  hoy rmi "$SIGNED/team/unsigned:1" >/dev/null
  policy '{"type":"insecureAcceptAnything"}'
  verdict 0 unsigned:1
  policy '{"type":"reject"}'
  verdict 1 unsigned:1
  one_sentence "$output"
  contains "$output" "$HOME/.config/containers/policy.json rejects it ($SIGNED/team)"
  # The scope is another repository's.
  expect 1 hoy pull -q "$REGISTRY/tiny:1"
  contains "$output" 'rejects it (the default)'
  # What hoy brings along does not come from anywhere.
  is "$(hoy run --rm base echo yes)" yes
}

@test "signed: by the key, by another, for another name, of another image, not at all" {
  sign signed "$SIGNED/team/signed:1"
  policy "$(sigstore key.pub)"
  verdict 0 signed:1
  verdict 1 unsigned:1
  contains "$output" 'it has no signature'
  policy "$(sigstore other.pub)"
  verdict 1 signed:1
  contains "$output" 'not by the key'
  policy "$(sigstore key.pub '{"type":"exactReference","dockerReference":"example.com/x:1"}')"
  verdict 1 signed:1
  contains "$output" "a signature is of an image called $SIGNED/team/signed:1"
  policy "$(sigstore key.pub '{"type":"exactRepository","dockerRepository":"'"$SIGNED/team/signed"'"}')"
  verdict 0 signed:1
  sign signed "$SIGNED/team/signed"
  policy "$(sigstore key.pub)"
  verdict 1 signed:1
  policy "$(sigstore key.pub '{"type":"matchRepository"}')"
  verdict 0 signed:1
  sign signed "$SIGNED/team/signed:1" "sha256:$(printf '0%.0s' {1..64})"
  verdict 1 signed:1
  contains "$output" 'a signature is of another image'
  is "$(hoy images -q)" ''
  is "$(hoy system check)" 'No problems'
}

@test "several keys: any of them will do" {
  local other data
  sign signed "$SIGNED/team/signed:1"
  policy '{"type":"sigstoreSigned","keyPaths":["'"$BATS_FILE_TMPDIR"'/other.pub","'"$BATS_FILE_TMPDIR"'/key.pub"]}'
  verdict 0 signed:1
  other=$(base64 -w 0 "$BATS_FILE_TMPDIR/other.pub") data=$(base64 -w 0 "$BATS_FILE_TMPDIR/key.pub")
  policy '{"type":"sigstoreSigned","keyDatas":["'"$other"'","'"$data"'"]}'
  verdict 0 signed:1
  policy '{"type":"sigstoreSigned","keyDatas":["'"$other"'","'"$other"'"]}'
  verdict 1 signed:1
  contains "$output" 'not by the key'
}

@test "two requirements are both to be met" {
  sign signed "$SIGNED/team/signed:1"
  policy "$(sigstore key.pub),$(sigstore other.pub)"
  verdict 1 signed:1
  policy "$(sigstore key.pub),{\"type\":\"insecureAcceptAnything\"}"
  verdict 0 signed:1
}

@test "a policy that is not understood lets nothing in" {
  local text
  for text in '' '[]' '{"default":[]}' '{"default":[{"type":"perhaps"}]}' '{"default":[{"type":"reject","x":1}]}' \
    '{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/x"}]}' \
    '{"default":[{"type":"sigstoreSigned","keyPath":"/nowhere"}]}'; do
    printf '%s' "$text" >"$HOME/.config/containers/policy.json"
    expect 1 hoy pull -q "$SIGNED/team/unsigned:1"
    one_sentence "$output"
    contains "$output" "$HOME/.config/containers/policy.json"
  done
  is "$(hoy images -q)" ''
}

@test "what is not supported, or not known, is named" {
  while read -r text words; do
    policy "$text"
    expect 1 hoy pull -q "$SIGNED/team/signed:1"
    one_sentence "$output"
    contains "$output" "$SIGNED/team: $words"
  done <<'END'
{"type":"signedBy","keyType":"GPGKeys","keyPath":"/x"} signedBy (GPG) is not supported: use sigstoreSigned
{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"}} signedBaseLayer is not supported
{"type":"sigstoreSigned","fulcio":{"caPath":"/x"}} sigstoreSigned with fulcio is not supported: use keyPath
{"type":"sigstoreSigned","pki":{"caRootsPath":"/x"}} sigstoreSigned with pki is not supported
{"type":"sigstoreSigned","keyPath":"/x","rekorPublicKeyPaths":["/x"]} sigstoreSigned with rekorPublicKeyPaths is not supported
{"type":"sigstoreSigned","keyPath":"/dev/null/x"} read the key /dev/null/x
{"type":"sigstoreSigned","keyPath":"/dev/null/x","keyData":"YQ=="} sigstoreSigned has both keyPath and keyData
{"type":"sigstoreSigned"} sigstoreSigned wants a key
{"type":"perhaps"} the requirement's type "perhaps" is unknown
{"type":"reject","x":1} reject has a member that is unknown
END
}

@test "an archive has a scope of its own" {
  hoy pull -q base >/dev/null
  hoy save -o "$BATS_TEST_TMPDIR/base.tar" base
  policy '{"type":"insecureAcceptAnything"}'
  expect 1 hoy load -i "$BATS_TEST_TMPDIR/base.tar"
  one_sentence "$output"
  contains "$output" 'rejects it (the default)'
  echo '{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]}}}' \
    >"$HOME/.config/containers/policy.json"
  expect 0 hoy load -i "$BATS_TEST_TMPDIR/base.tar"
  tar -cf "$BATS_TEST_TMPDIR/some.tar" -C "$BATS_TEST_TMPDIR" base.tar
  expect 1 hoy import "$BATS_TEST_TMPDIR/some.tar"
  contains "$output" 'rejects it (the default)'
}
