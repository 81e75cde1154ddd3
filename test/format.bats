#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --format beside Docker's own: format/cases are templates, format/expected is what Docker 28 prints and says to
# each (format/run made it, and runs hoy here).

load lib

@test "templates, good and bad, print and say what they do with Docker" {
  "$BATS_TEST_DIRNAME/format/run" "$HOY" >"$BATS_TEST_TMPDIR/got"
  is "$(grep -c '^# ' "$BATS_TEST_TMPDIR/got")" "$(grep -c . "$BATS_TEST_DIRNAME/format/cases")"
  diff "$BATS_TEST_DIRNAME/format/expected" "$BATS_TEST_TMPDIR/got"
}

@test "config.json's psFormat and imagesFormat are used where no other is given" {
  local config=$BATS_TEST_TMPDIR/config
  mkdir "$config"
  tar -C "$config" -c . | hoy import - made:1 >/dev/null
  hoy create --name one made:1 sleep 1 >/dev/null
  cat >"$config/config.json" <<'END'
{"psFormat": "table {{.Names}}\\t{{.State}}", "imagesFormat": "{{.Repository}} {{.Tag}}"}
END
  export DOCKER_CONFIG=$config
  is "$(hoy ps -a)" $'NAMES     STATE\none       created'
  is "$(hoy images)" 'made 1'
  is "$(hoy ps -a --format '{{.Image}}')" made:1
  matches "$(hoy ps -aq)" '^[0-9a-f]{12}$'
  matches "$(hoy images -q)" '^[0-9a-f]{12}$'
  matches "$(hoy ps -a --format table)" '^CONTAINER ID '
  echo '{"psFormat":"{{.Nope}}"}' >"$config/config.json"
  expect 1 hoy ps -a
  is "$output" "hoy: template parsing error: template: :1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext"
  echo '{"psFormat":' >"$config/config.json"
  matches "$(hoy ps -a)" '^CONTAINER ID '
  unset DOCKER_CONFIG
  hoy rm one >/dev/null
  hoy rmi made:1 >/dev/null
}

@test "json: an object a line in listings, one document elsewhere" {
  tar -C "$BATS_TEST_TMPDIR" -c . | hoy import - made:1 >/dev/null
  hoy create --name one made:1 sleep 1 >/dev/null
  hoy create --name two made:1 sleep 1 >/dev/null
  is "$(hoy ps -a --format json | jq -r .Names)" $'two\none'
  is "$(hoy ps -a --format '{{json .}}')" "$(hoy ps -a --format json)"
  is "$(hoy images --format json | jq -r .Repository)" made
  is "$(hoy history --format json made:1 | jq -r .Comment)" 'Imported from -'
  is "$(hoy system df --format json | jq -r .Type | head -n 1)" Images
  is "$(hoy inspect --format json one two | jq -r '.[].Name')" $'/one\n/two'
  is "$(hoy inspect -f '{{json .}}' one | jq -c 'keys')" "$(hoy inspect one | jq -c '.[0] | keys')"
  is "$(hoy version --format json | jq -r .Client.Os)" linux
  is "$(hoy info --format json | jq -r .OSType)" linux
  hoy rm one two >/dev/null
  hoy rmi made:1 >/dev/null
}

@test "a field that is not there: the position, and Go's name of the row" {
  hoy volume create nameless >/dev/null
  hoy create --name idle base >/dev/null
  local pair
  for pair in 'volume ls=*formatter.volumeContext' 'network ls=*network.networkContext' \
    'stats --no-stream idle=*container.statsContext' 'events --since 1 --until 0s=*events.Message'; do
    # shellcheck disable=SC2086 # words
    expect 1 hoy ${pair%=*} --format 'x {{.Nope}}'
    contains "$output" "template: :1:4: executing \"\" at <.Nope>: can't evaluate field Nope in type ${pair##*=}"
  done
  hoy rm idle >/dev/null
  hoy volume rm nameless >/dev/null
}

@test "fields that scripts ask for: of info, version, and a container's root and networks" {
  is "$(hoy info -f '{{.DefaultRuntime}} {{.LoggingDriver}} {{.Swarm.LocalNodeState}} {{.OSType}} [{{.ID}}{{.Swarm.NodeID}}]')" \
    'hoy json-file inactive linux []'
  is "$(hoy info -f '{{.OperatingSystem}}')" "$(. /etc/os-release && echo "$PRETTY_NAME")"
  is "$(hoy info -f '{{.IPv4Forwarding}}')" "$( (($(</proc/sys/net/ipv4/ip_forward))) && echo true || echo false)"
  matches "$(hoy info -f '{{.MemoryLimit}} {{.SwapLimit}} {{.PidsLimit}} {{.CPUShares}} {{.CPUSet}} {{.CPUCfsQuota}}')" \
    '^((true|false) ?){6}$'
  is "$(hoy info -f '{{range $name, $it := .Runtimes}}{{$name}}{{end}}')" hoy
  contains "$(hoy info -f '{{.SecurityOptions}}')" name=seccomp
  matches "$(hoy version -f '{{.Server.APIVersion}} {{.Client.APIVersion}}[{{.Server.GitCommit}}]')" '^1\.[0-9]+ 1\.[0-9]+\[\]$'
  hoy run -d --name one base sh -c 'echo here >/file; exec sleep 1000'
  is "$(hoy inspect -f '{{.GraphDriver.Name}}' one)" "$(hoy inspect -f '{{.Driver}}' one)"
  eventually 10 grep -q here "$(hoy inspect -f '{{.GraphDriver.Data.UpperDir}}' one)/file"
  is "$(<"$(hoy inspect -f '{{.GraphDriver.Data.MergedDir}}' one)/file")" here
  test -d "$(hoy inspect -f '{{.GraphDriver.Data.WorkDir}}' one)"
  is "$(hoy inspect -f '{{with .NetworkSettings}}[{{.Bridge}}] {{.HairpinMode}} {{.SecondaryIPAddresses}} {{.SecondaryIPv6Addresses}}{{end}}' one)" \
    '[] false [] []'
  hoy rm -f one
}

@test "a template can't run away" {
  expect 1 hoy info -f '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}'
  contains "$output" 'exceeded maximum template depth'
  expect 64 hoy info -f "$(printf '{{if 1}}%.0s' {1..1000})"
  contains "$output" 'nested deeper than'
  expect 1 hoy info -f '{{range 1000000000}}{{$x := print .}}{{end}}'
  contains "$output" 'it takes too much'
  expect 1 hoy info -f '{{$x := "0123456789"}}'"$(printf '{{$x = print $x $x}}%.0s' {1..60})"
  contains "$output" 'the text is too long'
}
