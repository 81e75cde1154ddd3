# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# refused WORDS FLAGS...: hoy run with these flags ends with 125 and one sentence that has the words (below which
# may stand where to read on).
refused() {
  local words=$1
  shift
  expect 125 hoy run --rm "$@" base true
  contains "$output" "$words"
  one_sentence "$(grep -v -e "^See 'hoy" -e '^$' <<<"$output")"
}
