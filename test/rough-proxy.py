#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rough-proxy.py UPSTREAM LOG CONTROL: stands before the registry UPSTREAM (host:port) on a port of loopback that it
prints, and is as rough as the file CONTROL says at the time of a request (words, in any order; none: as it came):

  drop=N        a blob's answer ends after N bytes, whatever it promised
  slow=N        a blob comes at N bytes a second
  status=C/K    the next K requests of a path are answered with status C
  after=TEXT    … and Retry-After: TEXT; "date" is two seconds from now
  only=TEXT     … of paths that contain it
  close=K       the next K requests of a path are answered with nothing
  norange       Range is not understood: always all of it
  badrange      a 206 that is another part
  stall=N       a blob's answer stops after N bytes, the connection stays

Each answer is a line in LOG: method, path, Range, status, bytes of the body."""
import collections
import email.utils
import http.client
import http.server
import pathlib
import sys
import time

UPSTREAM, LOG, CONTROL = sys.argv[1], open(sys.argv[2], "a", buffering=1), pathlib.Path(sys.argv[3])
COUNTS = collections.Counter()


def rules():
    words = CONTROL.read_text().split() if CONTROL.exists() else []
    return {word.partition("=")[0]: word.partition("=")[2] for word in words}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status, sent):
        LOG.write(f"{self.command} {self.path} {self.headers.get('Range', '-')} {status} {sent}\n")

    def count(self, what):
        """Whether this is still one of the first so many requests of the path."""
        key = (self.path, what)
        COUNTS[key] += 1
        return COUNTS[key] <= int(what.rpartition("/")[2].rpartition("=")[2])

    def refused(self, rule):
        if rule.get("only", "") not in self.path:
            return False
        if "close" in rule and self.count("close=" + rule["close"]):
            self.note(0, 0)
            self.close_connection = True
            return True
        if "status" not in rule or not self.count("status=" + rule["status"]):
            return False
        code = int(rule["status"].partition("/")[0])
        self.send_response(code)
        if after := rule.get("after"):
            self.send_header("Retry-After", email.utils.formatdate(time.time() + 2, usegmt=True) if after == "date" else after)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.note(code, 0)
        return True

    def do_GET(self):
        rule = rules()
        if self.refused(rule):
            return
        skip = {"host", "connection"} | ({"range"} if "norange" in rule else set())
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skip}
        upstream = http.client.HTTPConnection(UPSTREAM)
        upstream.request(self.command, self.path, headers=headers | {"Host": self.headers["Host"]})
        answer = upstream.getresponse()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("connection", "date", "server"):
                self.send_header(key, "bytes 7-99/100" if key.lower() == "content-range" and "badrange" in rule else value)
        self.end_headers()
        blob = "/blobs/" in self.path
        sent = 0
        try:
            sent = self.pump(answer, rule if blob else {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        self.note(answer.status, sent)
        upstream.close()

    do_HEAD = do_GET

    def pump(self, answer, rule):
        left = int(rule.get("drop") or rule.get("stall") or 1 << 60)
        rate = int(rule.get("slow", 0))
        piece = min(65536, max(1024, rate // 20)) if rate else 65536
        sent = 0
        while data := answer.read(min(piece, left - sent)):
            self.wfile.write(data)
            sent += len(data)
            if rate:
                time.sleep(len(data) / rate)
            if sent >= left:
                if "stall" in rule:
                    time.sleep(3600)
                self.close_connection = True
                break
        return sent


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
