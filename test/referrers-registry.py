#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""referrers-registry.py LOG: a registry that knows nothing but what refers to an image, on a port of loopback that it
prints. How it answers is in the repository's name: two (two pages, one referrer twice), none, circle (pages without end),
html, manifest (no index), wrong (no digest), types (words that do something to a terminal), error. Every request is a line
in LOG."""
import http.server
import json
import sys

LOG = open(sys.argv[1], "a", buffering=1)
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def referrer(digit, kind, digest=None):
    return {"mediaType": MANIFEST, "digest": digest or "sha256:" + digit * 64, "size": 1234, "artifactType": kind}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind=INDEX, link=None):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        if link:
            self.send_header("Link", f'<{link}>; rel="next"')
        self.end_headers()
        self.wfile.write(text)

    def index(self, *manifests, link=None):
        self.answer(200, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, link=link)

    def do_GET(self):
        LOG.write(self.path + "\n")
        path, _, query = self.path.partition("?")
        name = path.split("/")[2]
        if "/referrers/" not in path:
            self.answer(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "application/json")
        elif name == "two" and not query:
            self.index(referrer("1", "a/first"), referrer("2", "a/second"), link=path + "?last=2")
        elif name == "two":
            self.index(referrer("2", "a/second"), referrer("3", "a/third"))
        elif name == "none":
            self.index()
        elif name == "circle":
            self.index(referrer("1", "a/first"), link=path + "?again")
        elif name == "html":
            self.answer(200, b"<html>Hello</html>", "text/html")
        elif name == "manifest":
            self.answer(200, {"schemaVersion": 2, "config": referrer("1", ""), "layers": []}, MANIFEST)
        elif name == "wrong":
            self.index(referrer("1", "a/first", "sha256:../../etc/passwd"))
        elif name == "types":
            self.index(referrer("1", "\x1b[31mred"), referrer("2", "x" * 1000))
        else:
            self.answer(403, {"errors": [{"code": "DENIED", "message": "not for you"}]}, "application/json")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
