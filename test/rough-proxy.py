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
  stall=N/K     … of the first K of them
  short=N       of a range at most N bytes are given, and said to be given
  more          … and one that goes on behind its end
  wrong         a blob's bytes are not its bytes
  redirect      a blob is somewhere else, for this one request
  bearer=K      a token is wanted, and good for K requests
  html          a blob is a web page
  part-WORD     the same for requests of a range that has an end, alone
  range-WORD    … of any range

It is a forward proxy as well: for URLs of UPSTREAM, and for CONNECT to wherever.

Each answer is a line in LOG: method, path, Range, status, bytes of the body, and how many blobs were on their way when it
began."""
import collections
import email.utils
import http.client
import http.server
import itertools
import json
import pathlib
import select
import socket
import sys
import time

UPSTREAM, LOG, CONTROL = sys.argv[1], open(sys.argv[2], "a", buffering=1), pathlib.Path(sys.argv[3])
COUNTS = collections.Counter()
TOKENS = itertools.count(1)
good = {"token": "", "left": 0}


def rules(part, ranged):
    words = CONTROL.read_text().split() if CONTROL.exists() else []
    words = [word.removeprefix("part-") for word in words if part or not word.startswith("part-")]
    words = [word.removeprefix("range-") for word in words if ranged or not word.startswith("range-")]
    return {word.partition("=")[0]: word.partition("=")[2] for word in words}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    busy = 0  # blobs on their way

    def log_message(self, *_):
        pass

    def note(self, status, sent):
        LOG.write(f"{self.command} {self.path} {self.headers.get('Range', '-')} {status} {sent} {self.at_once}\n")

    def count(self, what):
        """Whether this is still one of the first so many requests of the path."""
        key = (self.path, what)
        COUNTS[key] += 1
        return COUNTS[key] <= int(what.rpartition("/")[2].rpartition("=")[2])

    def empty(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.note(status, 0)
        return True

    def token(self):
        good["token"], good["left"] = f"token-{next(TOKENS)}", int(rules("", "")["bearer"])
        body = json.dumps({"token": good["token"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.note(200, len(body))

    def elsewhere(self, rule):
        """Whether the request was sent away, to get a token or to another place."""
        if "there" in self.path:
            return False
        if "bearer" in rule:
            good["left"] -= 1
            if good["left"] < 0 or self.headers.get("Authorization") != f"Bearer {good['token']}":
                return self.empty(401, {"WWW-Authenticate": f'Bearer realm="http://{self.headers["Host"]}/token",service="x"'})
        return "redirect" in rule and "/blobs/" in self.path and self.empty(307, {"Location": self.path + "?there"})

    def refused(self, rule):
        if rule.get("only", "") not in self.path:
            return False
        if "close" in rule and self.count("close=" + rule["close"]):
            self.note(0, 0)
            self.close_connection = True
            return True
        if "status" not in rule or not self.count("status=" + rule["status"]):
            return False
        headers = {}
        if after := rule.get("after"):
            headers["Retry-After"] = email.utils.formatdate(time.time() + 2, usegmt=True) if after == "date" else after
        return self.empty(int(rule["status"].partition("/")[0]), headers)

    def page(self, rule):
        """Whether a web page came in a blob's place."""
        return "html" in rule and "/blobs/" in self.path and self.empty(200, {"Content-Type": "text/html"})

    def do_GET(self):
        start, _, end = self.headers.get("Range", "-").partition("-")
        rule = rules(end, start)
        self.at_once = Handler.busy
        if self.path.startswith("/token?"):
            self.token()
            return
        if self.refused(rule) or self.elsewhere(rule) or self.page(rule):
            return
        skip = {"host", "connection"} | ({"range"} if "norange" in rule else set())
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skip}
        if end and "more" in rule:
            headers["Range"] = f"{start}-"
        if start and "short" in rule:
            first = int(start.partition("=")[2])
            headers["Range"] = f"{start}-{min(int(end or 1 << 60), first + int(rule['short']) - 1)}"
        upstream = http.client.HTTPConnection(UPSTREAM)
        upstream.request(self.command, self.path, headers=headers | {"Host": self.headers["Host"]})
        answer = upstream.getresponse()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("connection", "date", "server"):
                self.send_header(key, "bytes 7-99/100" if key.lower() == "content-range" and "badrange" in rule else value)
        self.end_headers()
        blob = "/blobs/" in self.path
        self.sent = 0
        Handler.busy += blob
        self.at_once = Handler.busy
        try:
            self.pump(answer, rule if blob else {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        Handler.busy -= blob
        self.note(answer.status, self.sent)
        upstream.close()

    do_HEAD = do_GET

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as there:
            self.send_response(200)
            self.end_headers()
            self.at_once = 0
            self.note(200, 0)
            pair = {self.connection: there, there: self.connection}
            while True:
                for end in select.select(list(pair), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    pair[end].sendall(data)

    def pump(self, answer, rule):
        if "/" in rule.get("stall", "") and not self.count("stall=" + rule["stall"]):
            del rule["stall"]
        left = int(rule.get("drop") or rule.get("stall", "").partition("/")[0] or 1 << 60)
        rate = int(rule.get("slow", 0))
        piece = min(65536, max(1024, rate // 20)) if rate else 65536
        while data := answer.read(min(piece, left - self.sent)):
            self.wfile.write(bytes(len(data)) if "wrong" in rule else data)
            self.sent += len(data)
            if rate:
                time.sleep(len(data) / rate)
            if self.sent >= left:
                if "stall" in rule:
                    time.sleep(3600)
                self.close_connection = True
                break


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
