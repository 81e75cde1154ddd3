#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""flaky-registry.py BACKEND LOG: a proxy before a real registry, on loopback, that fails as registries and the
networks before them do. Prints its port. What goes wrong is the first component of a repository's name:
127.0.0.1:PORT/break/x is x of the backend, and uploads to it break. Every request goes to LOG, a line each."""
import http.client
import http.server
import json
import sys
import threading
import time
import urllib.parse

BACKEND, LOG = sys.argv[1], open(sys.argv[2], "a", buffering=1)
TOKEN = "token-of-the-tests"
seen = set()
half = {}  # an upload's path: the address that goes on with it, and the last byte that is there
lock = threading.Lock()


def first_time(*key):
    with lock:
        new = key not in seen
        seen.add(key)
        return new


def here(trouble, location):
    """A Location of the backend as one of ours, without a host."""
    url = urllib.parse.urlsplit(location)
    return url._replace(scheme="", netloc="", path=url.path.replace("/v2/", f"/v2/{trouble}/", 1)).geturl()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message, headers=()):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(status, [("Content-Type", "application/json"), *headers],
                    json.dumps({"errors": [{"code": code, "message": message}]}).encode())

    def drop(self):
        self.close_connection = True
        self.connection.close()

    def forward(self, path, limit=None):
        """The request to the backend, of its body at most `limit` bytes: then both connections break."""
        size = int(self.headers.get("Content-Length", 0))
        backend = http.client.HTTPConnection(BACKEND)
        backend.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            backend.putheader(name, BACKEND if name.lower() == "host" else value)
        backend.endheaders()
        left = size if limit is None else min(size, limit)
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                break
            backend.send(piece)
            left -= len(piece)
        if limit is not None and size > limit:
            backend.close()
            self.drop()
            return None
        reply = backend.getresponse()
        return reply, reply.read()

    def resume(self, path):
        """Of the second chunk a part arrives; then this behaves as the specification has it, which the backend,
        that knows uploads only by its own last answer, does not. True: dealt with."""
        upload = path.split("?")[0]
        if self.command == "GET" and upload in half:
            location, end = half[upload]
            self.answer(204, [("Location", location), ("Range", f"0-{end}")])
            return True
        start = int(self.headers.get("Content-Range", "0-").split("-")[0])
        if upload in half and start != half[upload][1] + 1:
            self.refuse(416, "RANGE_INVALID", "out of order", [("Range", f"0-{half[upload][1]}")])
            return True
        half.pop(upload, None)
        if not start or not first_time(upload):
            return False
        part = self.rfile.read(700000)
        backend = http.client.HTTPConnection(BACKEND)
        backend.request("PATCH", path, part, {"Content-Type": "application/octet-stream"})
        half[upload] = (here("resume", backend.getresponse().getheader("Location")), start + len(part) - 1)
        self.drop()
        return True

    def pass_on(self, trouble, result):
        reply, body = result
        headers = []
        for name, value in reply.getheaders():
            if name.lower() in ("content-length", "connection", "transfer-encoding"):
                continue
            if name.lower() == "location":
                value = here(trouble, value)
                if trouble == "absolute":
                    value = f"http://{self.headers['Host']}{value}"
                if trouble == "elsewhere":
                    value = f"http://example.com{value}"
            headers.append((name, value))
        if trouble == "minimum" and self.command == "POST":
            headers.append(("OCI-Chunk-Min-Length", str(6 << 20)))
        if trouble == "referrers" and self.command == "PUT" and "/manifests/" in self.path:
            headers.append(("OCI-Subject", "sha256:" + "0" * 64))  # it sees to them itself
        LOG.write(f"{reply.status} {reply.getheader('Range', '')}\n")
        self.answer(reply.status, headers, body)

    def token(self, query):
        scopes = urllib.parse.parse_qs(query).get("scope", [])
        LOG.write(f"token {' '.join(scopes)}\n")
        self.answer(200, [("Content-Type", "application/json")], json.dumps({"token": TOKEN}).encode())

    def trouble(self, trouble, path):
        """True: dealt with."""
        size = int(self.headers.get("Content-Length", 0))
        upload = "/uploads/" in path and self.command in ("PATCH", "PUT") and size
        if trouble == "bearer" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            realm = f"http://{self.headers['Host']}/token"
            self.refuse(401, "UNAUTHORIZED", "authentication required",
                        [("WWW-Authenticate", f'Bearer realm="{realm}",service="here"')])
        elif trouble == "denied" and self.command == "POST":
            self.refuse(403, "DENIED", "requested access to the resource is denied")
        elif trouble == "busy" and first_time(self.command, path.split("?")[0]):
            self.refuse(503, "UNAVAILABLE", "in a moment")
        elif trouble == "down" and self.command == "POST":
            self.refuse(500, "UNKNOWN", "the disk is full")
        elif trouble == "small" and upload and size > 5 << 20:
            self.rfile.read(size)
            self.answer(413)
        elif trouble == "tiny" and upload and size > 1 << 20:
            self.rfile.read(size)
            self.answer(413, [("Content-Type", "text/html")], b"<html><h1>413 Request Entity Too Large</h1></html>")
        elif trouble == "break" and upload and size > 1 << 20 and first_time(self.command, size):
            self.forward(path, 700000)
        elif trouble == "always" and upload and size > 1 << 20:
            self.forward(path, 700000)
        elif trouble == "deaf" and self.command in ("PATCH", "PUT") and first_time(self.command, path.split("?")[0]):
            self.forward(path)  # it is done, but nobody hears of it
            self.drop()
        elif trouble == "slow" and upload:
            time.sleep(5)
            self.drop()
        elif trouble == "resume" and (upload or self.command == "GET") and "/uploads/" in path:
            return self.resume(path)
        elif trouble == "liar" and self.command == "PUT" and "/manifests/" in path:
            reply, body = self.forward(path)
            self.answer(reply.status, [("Docker-Content-Digest", "sha256:" + "0" * 64)], body)
        else:
            return False
        return True

    def handle_all(self):
        LOG.write(f"{self.command} {self.path} {self.headers.get('Content-Range', '')}\n")
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/token":
            self.token(url.query)
            return
        trouble, _, rest = url.path.removeprefix("/v2/").partition("/")
        query = url.query.replace(f"from={trouble}%2F", "from=")
        path = f"/v2/{rest}" + (f"?{query}" if query else "")
        if self.trouble(trouble, path):
            return
        result = self.forward(path)
        if result:
            self.pass_on(trouble, result)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_all


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        pass  # a client that is gone


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
