#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every command and flag of Docker's: hoy has it, or refuses it by its name. The table is in
# $BUILD/docker-commands.txt afterwards.

load lib

# answer WORD...: works, refused or unknown. --help comes last: nothing is done.
answer() {
  local said
  if said=$(hoy "$@" --help 2>&1); then
    echo works
  elif [[ $said == *"is not supported"* || $said == *"not supported:"* ]]; then
    echo refused
  elif [[ $said == *"unknown flag"* || $said == *"unknown command"* ]]; then
    echo unknown
  else
    echo works # a value that is wrong for it, said by its name
  fi
}

@test "every command and flag of Docker's works or is refused by name" {
  local command flags flag found
  while IFS=: read -r command flags; do
    [[ $command == \#* ]] && continue
    read -ra words <<<"$command"
    found=$(answer "${words[@]}")
    printf '%-40s %s\n' "$command" "$found"
    [[ $found == works ]] || continue
    for flag in $flags; do
      printf '%-40s %s\n' "$command $flag" "$(answer "${words[@]}" "$flag=x")"
    done
  done <"$BATS_TEST_DIRNAME/docker-commands" >"$BUILD/docker-commands.txt"
  echo "# $(awk '{print $NF}' "$BUILD/docker-commands.txt" | sort | uniq -c | tr '\n' ' ')" >&3
  expect 1 grep 'unknown$' "$BUILD/docker-commands.txt"
  # What is hoy's own works.
  expect 1 grep -E '^container update .* refused$' "$BUILD/docker-commands.txt"
  (($(grep -c 'works$' "$BUILD/docker-commands.txt") > 150))
}

@test "Docker's short forms are the same commands" {
  local pair
  for pair in attach:container_attach commit:container_commit create:container_create diff:container_diff exec:container_exec \
    export:container_export kill:container_kill logs:container_logs ps:container_ls rm:container_rm run:container_run \
    start:container_start stop:container_stop wait:container_wait history:image_history images:image_ls import:image_import \
    load:image_load pull:image_pull push:image_push rmi:image_rm save:image_save tag:image_tag info:system_info; do
    read -ra long <<<"${pair#*:}"
    long=("${long[0]%%_*}" "${long[0]#*_}")
    is "$(hoy "${pair%%:*}" --help | sed -n '/^Options/,$p')" "$(hoy "${long[@]}" --help | sed -n '/^Options/,$p')"
  done
}
