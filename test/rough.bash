# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A rough way to the registry: rough-proxy.py, at ROUGH.

rough_start() {
  ROUGH_LOG=$BATS_FILE_TMPDIR/rough.log ROUGH_RULES=$BATS_FILE_TMPDIR/rough.rules
  local port=$BATS_FILE_TMPDIR/rough.port
  "$BATS_TEST_DIRNAME/rough-proxy.py" "$REGISTRY" "$ROUGH_LOG" "$ROUGH_RULES" >"$port" 3>&- 4>&- &
  ROUGH_PID=$!
  wait_line "$port" '[0-9]'
  ROUGH=127.0.0.1:$(<"$port")
  export ROUGH ROUGH_PID ROUGH_LOG ROUGH_RULES
}

rough_stop() { kill "$ROUGH_PID"; }

# rough RULES...: how it is from now on; its log begins anew.
rough() {
  echo "$*" >"$ROUGH_RULES"
  : >"$ROUGH_LOG"
}
