#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# search: Docker Hub's search API, from a server that has it, as no registry that can be run here does.

load lib

file_setup() {
  cat >"$BATS_FILE_TMPDIR/server.py" <<'END'
import http.server, json, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        term, n = query["q"][0], int(query["n"][0])
        if term == "broken":
            body = b"<html>"
        elif term == "endless":
            body = b"[" * (3 << 20)
        elif term == "away":
            return self.send_error(503)
        else:
            found = [{"name": f"{term}/{i}", "description": f"{term}\x1b[31m\nnumber {i} " + "x" * 60, "star_count": i * 10,
                      "is_official": i == 0} for i in range(40)]
            body = json.dumps({"num_results": 40, "results": found[:n] if term != "liar" else found}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
  python3 "$BATS_FILE_TMPDIR/server.py" >"$BATS_FILE_TMPDIR/port" 2>/dev/null 3>&- 4>&- &
  HUB_PID=$!
  wait_line "$BATS_FILE_TMPDIR/port" '[0-9]'
  HUB=127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  export HUB HUB_PID
}

file_teardown() { kill "$HUB_PID"; }

@test "search: columns, limit, filters, a format" {
  expect 0 hoy search "$HUB/web server"
  matches "${lines[0]}" '^NAME +DESCRIPTION +STARS +OFFICIAL$'
  is "${#lines[@]}" 26
  matches "${lines[1]}" '^web server/0 +web server\?\[31m number 0 x+… +0 +\[OK\]'
  is "$(hoy search --limit 3 "$HUB/x" | wc -l)" 4
  is "$(hoy search --limit 2 --format json "$HUB/x" | jq -r '.Name + " " + .IsOfficial + " " + .StarCount' | paste -sd,)" \
    'x/0 true 0,x/1 false 10'
  is "$(hoy search --limit 40 --filter stars=300 --format '{{.Name}}' "$HUB/x" | head -n 1)" x/30
  is "$(hoy search -f is-official=true --format '{{.Name}} {{.StarCount}}' "$HUB/x")" 'x/0 0'
  contains "$(hoy search --no-trunc "$HUB/x")" "$(printf 'x%.0s' {1..60})"
  # Whoever sends more than was asked for is not heard further.
  is "$(hoy search --limit 2 "$HUB/liar" | wc -l)" 3
}

@test "search: what goes wrong is one sentence" {
  local term
  for term in broken endless away; do
    expect 1 hoy search "$HUB/$term"
    one_sentence "$output"
    contains "$output" "$HUB"
  done
  expect 1 hoy search 127.0.0.1:1/x
  one_sentence "$output"
  expect 1 hoy search --limit 0 x
  contains "$output" 'outside the range of [1, 100]'
  expect 125 hoy search --filter colour=red x
  expect 1 hoy search
}
