#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that lies, on loopback. Each repository is one lie (the table at the end; `good` tells the truth),
with the tag 1. Prints its port; every request goes to the file named by the first argument, a line each.

Two repositories want credentials (user, secret): `basic`, and `bearer` with a token server at /token."""
import base64
import gzip
import hashlib
import http.server
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.parse
import zlib

LOG = open(sys.argv[1], "a", buffering=1)
HERE = pathlib.Path(__file__).resolve().parent
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = MANIFEST.replace("manifest", "index")
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
PLAIN = "application/vnd.oci.image.layer.v1.tar"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[subprocess.check_output(["uname", "-m"], text=True).strip()]
CREDENTIALS = "Basic " + base64.b64encode(b"user:secret").decode()
TOKEN = "token-of-the-tests"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def small_tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for n in range(64):
            info = tarfile.TarInfo(f"file{n}")
            info.size = 4096
            # Bytes that don't compress: a stream that is cut has something missing.
            tar.addfile(info, io.BytesIO(b"".join(hashlib.sha256(b"%d %d" % (n, i)).digest() for i in range(128))))
    return out.getvalue()


def hostile_tar(name):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([HERE / "make-tar", f"hostile-{name}", file.name], check=True)
        return file.read()


class Image:
    """What one repository serves. A lie changes one of these."""

    def __init__(self, tar=None, layer=None, media_type=GZIP, diff_id=None, size=None, more_manifest=None,
                 architecture=None, config_bytes=None, urls=None, more_config=None):
        tar = small_tar() if tar is None else tar
        self.layer = gzip.compress(tar, 1, mtime=0) if layer is None else layer
        self.config = config_bytes or json.dumps({
            "architecture": architecture or MACHINE, "os": "linux", "config": {"Cmd": ["/file0"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id or digest(tar)]}, **(more_config or {})}).encode()
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(self.config),
                       "size": len(self.config)},
            "layers": [{"mediaType": media_type, "digest": digest(self.layer),
                        "size": len(self.layer) if size is None else size}]}
        if urls:
            manifest["layers"][0]["urls"] = [url.replace("DIGEST", digest(self.layer)) for url in urls]
        manifest.update(more_manifest or {})
        self.manifest = json.dumps(manifest).encode()
        self.blobs = {digest(self.config): self.config, digest(self.layer): self.layer}


def plain(handler, data, kind="application/octet-stream", length=None):
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)


def flipped(handler, data):
    plain(handler, data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])


def truncated(handler, data):
    plain(handler, data[:len(data) // 2], length=len(data))
    handler.close_connection = True


def short(handler, data):
    plain(handler, data[:len(data) // 2])


def long(handler, data):
    plain(handler, data + b"more" * 1000)


def endless(handler, data):
    """Chunks for ever."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = (data + bytes(65536))[:65536]
    while True:
        handler.wfile.write(b"10000\r\n" + chunk + b"\r\n")


def stall(handler, data):
    plain(handler, data[:len(data) // 2], length=len(data))
    handler.wfile.flush()
    time.sleep(3600)


def slow(handler, data):
    """A few bytes at a time: a pull that somebody can interrupt."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for at in range(0, len(data), 256):
        handler.wfile.write(data[at:at + 256])
        time.sleep(0.02)


def trickle(handler, data):
    """Never silent for a second."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 40)
        time.sleep(0.2)


def unauthorized(challenge):
    def answer(handler, _):
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", challenge)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    return answer


def circle(handler, _):
    handler.send_response(307)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def html(handler, _):
    plain(handler, b"<!DOCTYPE html><html><body>Log in to the hotel's wireless network</body></html>", "text/html")


def status(code, text=b"{}"):
    def answer(handler, _):
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
    return answer


def zstd_chunked():
    """As Podman writes zstd:chunked: a frame a file, and the table of contents in a frame that decoders skip."""
    tar, skipped = small_tar(), (0x184D2A50).to_bytes(4, "little") + (100).to_bytes(4, "little") + bytes(range(100))
    frames = [subprocess.run(["zstd", "-c"], input=tar[at:at + 50000], capture_output=True, check=True).stdout
              for at in range(0, len(tar), 50000)]
    return frames[0] + skipped + b"".join(frames[1:]) + skipped + skipped


def gzip_bomb():
    """64 GiB of zeros in 64 MiB: one member, many times."""
    compress = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = b"".join([compress.compress(bytes(1 << 20)) for _ in range(256)] + [compress.flush()])
    info = tarfile.TarInfo("zeros")
    info.size = 64 << 30
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT)) + member * 256


def elsewhere(how=""):
    return f"http://127.0.0.1:{server.server_address[1]}/elsewhere{how}/DIGEST"


def tags(handler, name):
    """Two to a page."""
    query = urllib.parse.parse_qs(urllib.parse.urlparse(handler.path).query)
    page = int(query.get("page", ["0"])[0])
    names = ["../../evil"] if name == "tagged-badly" else [f"t{page}a", f"t{page}b"]
    body = json.dumps({"name": name, "tags": names}).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    if page < 2 or name == "tagged-endless":
        handler.send_header("Link", f'</v2/{name}/tags/list?page={page + 1}>; rel="next"')
    handler.end_headers()
    handler.wfile.write(body)


def layers(count):
    """The one layer, listed that often."""
    image = Image()
    manifest, config = json.loads(image.manifest), json.loads(image.config)
    manifest["layers"] *= count
    config["rootfs"]["diff_ids"] *= count
    return Image(config_bytes=json.dumps(config).encode(), more_manifest={"layers": manifest["layers"]})


def gigabyte(handler, _):
    """A manifest that says so, and begins."""
    plain(handler, b'{"schemaVersion":2,"x":"' + b"x" * (8 << 20), MANIFEST, length=1 << 30)
    handler.close_connection = True


def itself(handler, _):
    """An index whose one manifest is the index of that tag again, whatever digest is asked for."""
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": INDEX, "digest": digest(b"itself"), "size": 0}]}
    for _ in range(3):
        index["manifests"][0]["size"] = len(json.dumps(index))
    plain(handler, json.dumps(index).encode(), INDEX)


def nested(handler, _):
    """Honest indexes, one in the other, deeper than anybody needs."""
    reference = handler.path.split("/")[4]
    documents, inner = {}, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    for _ in range(1000):
        documents[digest(inner)] = inner
        inner = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": INDEX, "digest": digest(inner), "size": len(inner)}]}).encode()
    plain(handler, documents.get(reference, inner), INDEX)


def one_more():
    """A layer more in the manifest than in the config, which is that of the good image."""
    return Image(more_manifest={"layers": json.loads(Image().manifest)["layers"] * 2})


def entry(kind, platform=True):
    """An index, that calls the manifest by that type."""
    def answer(handler, data):
        if handler.path.endswith(digest(data)):
            return plain(handler, data, MANIFEST)
        listed = {"mediaType": kind, "digest": digest(data), "size": len(data)}
        if platform and kind != INDEX:
            listed["platform"] = {"os": "linux", "architecture": MACHINE}
        return plain(handler, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}).encode(), INDEX)
    return answer


LAYER_ASKED_FOR = threading.Event()


def tell_asked_for(handler, data):
    LAYER_ASKED_FOR.set()
    plain(handler, data)


def after_the_layer(handler, data):
    """A config that comes when the layer was asked for."""
    (plain if LAYER_ASKED_FOR.wait(20) else status(503))(handler, data)


# A repository: its image, and who answers for manifests, for the layer and for the config.
def lie(image=Image, manifest=None, blob=None, config=None):
    return {"image": image, "manifest": manifest, "blob": blob, "config": config}


LIES = {
    "good": lie(),
    "good-again": lie(lambda: Image(more_config={"author": "another"})),
    "together": lie(blob=tell_asked_for, config=after_the_layer),
    "config-flipped": lie(blob=stall, config=flipped),
    "plain": lie(lambda: Image(layer=small_tar(), media_type=PLAIN)),
    "chunked": lie(lambda: Image(layer=zstd_chunked(), media_type=PLAIN + "+zstd")),
    "entry": lie(manifest=entry(MANIFEST)),
    "entry-index": lie(manifest=entry(INDEX)),
    "entry-unsaid": lie(manifest=entry(MANIFEST, platform=False)),
    "entry-unsaid-other": lie(lambda: Image(architecture="s390x"), manifest=entry(MANIFEST, platform=False)),
    "entry-docker": lie(manifest=entry(DOCKER)),
    "one-more": lie(one_more),
    "type-unknown": lie(lambda: Image(media_type="application/x-foo")),
    "type-encrypted": lie(lambda: Image(media_type=GZIP + "+encrypted")),
    "basic": lie(),
    "bearer": lie(),
    "flipped": lie(blob=flipped),
    "truncated": lie(blob=truncated),
    "short": lie(blob=short),
    "long": lie(blob=long),
    "endless": lie(blob=endless),
    "stall": lie(blob=stall),
    "slow": lie(blob=slow),
    "circle": lie(manifest=circle),
    "circle-blob": lie(blob=circle),
    "html": lie(manifest=html),
    "html-blob": lie(blob=html),
    "missing": lie(manifest=status(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')),
    "missing-blob": lie(blob=status(404)),
    "broken": lie(manifest=status(500)),
    "endless-manifest": lie(manifest=endless),
    "size-small": lie(lambda: Image(size=10)),
    "size-huge": lie(lambda: Image(size=1 << 60)),
    "size-negative": lie(lambda: Image(size=-1)),
    "diff-id": lie(lambda: Image(diff_id=digest(b"something else"))),
    "bad-digest": lie(lambda: Image(diff_id="sha256:../../../../etc/passwd")),
    "no-diff-ids": lie(lambda: Image(config_bytes=b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')),
    "twice": lie(lambda: layers(2)),
    "ten-thousand": lie(lambda: layers(10000)),
    "gigabyte": lie(manifest=gigabyte),
    "itself": lie(manifest=itself),
    "nested": lie(manifest=nested),
    "config-no-json": lie(lambda: Image(config_bytes=b"<html>no config</html>")),
    "ambiguous": lie(lambda: Image(more_manifest={"manifests": []})),
    "no-json": lie(manifest=lambda handler, _: plain(handler, b"{\"schemaVersion\": 2,", MANIFEST)),
    "not-gzip": lie(lambda: Image(layer=small_tar())),
    "tar-huge": lie(lambda: Image(tar=hostile_tar("huge"))),
    "tar-truncated": lie(lambda: Image(tar=hostile_tar("truncated"))),
    "tar-garbage": lie(lambda: Image(tar=hostile_tar("garbage"))),
    "gzip-bomb": lie(lambda: Image(tar=b"", layer=gzip_bomb())),
    "foreign": lie(lambda: Image(urls=["https://127.0.0.1:1/no", elsewhere()]), blob=status(404)),
    "foreign-flipped": lie(lambda: Image(urls=[elsewhere("-flipped")]), blob=status(404)),
    "other-type": lie(manifest=lambda handler, data: plain(handler, data, INDEX)),
    "silent": lie(manifest=lambda handler, _: time.sleep(3600)),
    "trickle": lie(manifest=trickle),
    "scheme-digest": lie(manifest=unauthorized('Digest realm="here", nonce="x"')),
    "realm-empty": lie(manifest=unauthorized('Bearer realm="",service="x"')),
    "tagged": lie(),
    "tagged-endless": lie(),
    "tagged-badly": lie(),
    "other-machine": lie(lambda: Image(architecture="s390x")),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    images = {}

    def log_message(self, *_):
        pass

    def image(self, name):
        if name not in self.images:
            self.images[name] = LIES[name]["image"]()
        return self.images[name]

    def wants_credentials(self, name):
        given = self.headers.get("Authorization", "")
        if name == "basic" and given != CREDENTIALS:
            challenge = 'Basic realm="tests"'
        elif name == "bearer" and given != "Bearer " + TOKEN:
            challenge = f'Bearer realm="http://{self.headers["Host"]}/token",service="tests",scope="repository:bearer:pull"'
        else:
            return False
        self.send_response(401)
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def token(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        if self.headers.get("Authorization") != CREDENTIALS or query.get("scope") != ["repository:bearer:pull"]:
            return status(401)(self, None)
        return plain(self, json.dumps({"token": TOKEN}).encode(), "application/json")

    def do_GET(self):
        LOG.write(f"{self.command} {self.path} {self.headers.get('Authorization', '-')}\n")
        if self.path.startswith("/token"):
            return self.token()
        if self.path.rstrip("/") == "/v2":
            return plain(self, b"{}", "application/json")
        if self.path.startswith("/elsewhere"):
            how = self.path.split("/")[1].partition("-")[2]
            layer = self.image("foreign-flipped" if how else "foreign").layer
            return (flipped if how else plain)(self, layer)
        parts = self.path.split("/")  # "", v2, NAME, manifests|blobs|tags, REFERENCE
        if len(parts) != 5 or parts[2] not in LIES:
            return status(404)(self, None)
        name, what, reference = parts[2:]
        if self.wants_credentials(name):
            return None
        try:
            return self.serve(name, what, reference)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            return None

    def serve(self, name, what, reference):
        image, rules = self.image(name), LIES[name]
        if what == "tags":
            return tags(self, name)
        if what == "manifests":
            answer = rules["manifest"] or (lambda handler, data: plain(handler, data, MANIFEST))
            return answer(self, image.manifest)
        data = image.blobs.get(reference)
        if data is None:
            return status(404)(self, None)
        return (rules["blob" if data is image.layer else "config"] or plain)(self, data)

    def do_HEAD(self):
        LOG.write(f"{self.command} {self.path} {self.headers.get('Authorization', '-')}\n")
        parts = self.path.split("/")
        if len(parts) != 5 or parts[2] not in LIES or parts[3] != "manifests":
            return status(404, b"")(self, None)
        if self.wants_credentials(parts[2]):
            return None
        manifest = self.image(parts[2]).manifest
        self.send_response(200)
        self.send_header("Content-Type", MANIFEST)
        self.send_header("Content-Length", str(len(manifest)))
        self.send_header("Docker-Content-Digest", digest(manifest))
        self.end_headers()
        return None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
