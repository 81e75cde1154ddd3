# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A real docker-registry, on a free port of loopback.

# A port that nobody listens on.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# registry_start STORAGE [extra configuration]: sets REGISTRY to its host:port and REGISTRY_PID. On another address
# with REGISTRY_ADDRESS.
registry_start() {
  local storage=$1 config log
  config=$(mktemp)
  log=$(mktemp)
  REGISTRY=${REGISTRY_ADDRESS:-127.0.0.1}:$(free_port)
  cat >"$config" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $storage}, delete: {enabled: true}}
http: {addr: "$REGISTRY", host: "http://$REGISTRY", relativeurls: true}
${2:-}
END
  # Nothing of ours stays open in it: bats would wait for its own descriptors.
  docker-registry serve "$config" </dev/null >"$log" 2>&1 3>&- 4>&- &
  REGISTRY_PID=$!
  export REGISTRY REGISTRY_PID
  local tries=0
  until curl -s -o /dev/null "http://$REGISTRY/v2/"; do
    if ! kill -0 "$REGISTRY_PID" 2>/dev/null || ((++tries > 200)); then
      echo "docker-registry does not start:" >&2
      cat "$log" >&2
      return 1
    fi
    sleep 0.05
  done
  rm -f "$config" "$log"
}

registry_stop() {
  [[ -n ${REGISTRY_PID:-} ]] || return 0
  kill "$REGISTRY_PID" 2>/dev/null || true
  wait "$REGISTRY_PID" 2>/dev/null || true
  REGISTRY_PID=
}
