# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# One engine on two runtimes: what it says and how it ends must not differ.

# with RUNTIME COMMAND... runs the engine's command for that runtime; RT in a word is its short name. Each test
# file section defines it, and who the two are.

# alike COMMAND...: both runtimes say the same and end alike. Ids, times and names of runtimes are no difference.
alike() {
  local runtime
  for runtime in "${RUNTIMES[1]}" hoy; do
    with "$runtime" "${@//RT/$runtime}" </dev/null >"out.$runtime" 2>err 3>&- || echo "ended with $?" >>err
    cat err >>"out.$runtime"
    # Docker's client says the one line or not, whatever the runtime.
    sed -Ei "s/\\b$runtime\\b/RT/g; s/[0-9a-f]{12,64}/ID/g; s/time=\"[^\"]*\"/time=NOW/; /error waiting for container: context canceled/d" "out.$runtime"
  done
  diff -u "out.${RUNTIMES[1]}" "out.hoy" || { echo "'$*' differs"; return 1; }
  output=$(cat out.hoy)
}
# ends_alike STATUS COMMAND...: the same without the words, which are the runtime's own in an error. STATUS - is
# whatever this version of the engine makes of it.
ends_alike() {
  local runtime wanted=$1 status
  shift
  for runtime in "${RUNTIMES[@]}"; do
    status=0
    with "$runtime" "${@//RT/$runtime}" </dev/null >"out.$runtime" 2>&1 3>&- || status=$?
    [[ $wanted != - ]] || wanted=$status
    ((status == wanted)) || { echo "'$*' with $runtime: $status instead of $wanted: $(cat "out.$runtime")"; return 1; }
  done
  output=$(cat out.hoy)
}
# All of Podman's containers have ended, and what it runs then (conmon's exit command) is over. With any runtime, what
# removes a container before that may fail: its shm is a mount still. A pod's may be one after it, too.
cleaned_up() { eventually 20 no_cleanup; }
no_cleanup() { ! pgrep -x conmon >/dev/null && ! pgrep -f 'container.cleanup' >/dev/null; }
# each COMMAND...: must work with both.
each() { ends_alike 0 "$@"; }
