#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""token-server.py LOG KEY CERT: a token server for docker-registry (distribution specification, "token" and "oauth"),
on a port of loopback that it prints. It knows user:secret, and the refresh token refresh-of-user that it gives for
offline_token=true or access_type=offline. At /get it answers GET alone, at /post POST alone, at /both both. Every
request is a line in LOG, without its secrets."""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

LOG, KEY, CERT = open(sys.argv[1], "a", buffering=1), sys.argv[2], sys.argv[3]
CREDENTIALS = "Basic " + base64.b64encode(b"user:secret").decode()
REFRESH = "refresh-of-user"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(account, service, scopes):
    """A JWT that docker-registry believes: signed with KEY, whose certificate goes along."""
    der = base64.b64encode(subprocess.check_output(["openssl", "x509", "-in", CERT, "-outform", "DER"])).decode()
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    now = int(time.time())
    parts = [{"typ": "JWT", "alg": "RS256", "x5c": [der]},
             {"iss": "tests", "sub": account, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now - 10,
              "jti": str(now), "access": access}]
    text = ".".join(encode(json.dumps(part).encode()) for part in parts)
    sign = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), capture_output=True, check=True)
    return text + "." + encode(sign.stdout)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, document):
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def grant(self, query, known, offline):
        one = lambda name: query.get(name, [""])[0]
        scopes = [scope for text in query.get("scope", []) for scope in text.split()]
        LOG.write(f"{self.command} {urllib.parse.urlparse(self.path).path} {one('grant_type') or '-'} {' '.join(scopes)}\n")
        if not known:
            return self.answer(401, {"details": "incorrect username or password"})
        text = token("user", one("service"), scopes)
        document = {"token": text, "access_token": text, "expires_in": 300}
        if offline:
            document["refresh_token"] = REFRESH
        return self.answer(200, document)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/post":
            return self.answer(405, {})
        return self.grant(query, self.headers.get("Authorization") == CREDENTIALS, "offline_token" in query)

    def do_POST(self):
        query = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        one = lambda name: query.get(name, [""])[0]
        if urllib.parse.urlparse(self.path).path == "/get":
            return self.answer(405, {})
        known = {"password": (one("username"), one("password")) == ("user", "secret"),
                 "refresh_token": one("refresh_token") == REFRESH}.get(one("grant_type"), False)
        return self.grant(query, known and one("client_id") != "", one("access_type") == "offline")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
