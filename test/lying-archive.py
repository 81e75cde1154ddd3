#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lying-archive.py NAME: writes an archive of an image to stdout that no honest tool makes. "good-oci" and
"good-docker" are the truth that the others bend."""
import gzip
import hashlib
import io
import json
import sys
import tarfile

OCI = "application/vnd.oci.image."
out = sys.stdout.buffer


def layer(files):
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return text.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def header(name, size=0, kind=b"0", link="", magic=True):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


def member(name, data, kind=b"0", link=""):
    return header(name, len(data), kind, link) + data + bytes(-len(data) % 512)


class Oci:
    """A layout: each part can be replaced before the rest is made from it."""

    def __init__(self, **changes):
        self.blobs = {}
        self.layer = changes.get("layer", layer({"text": b"hello\n"}))
        diff_ids = changes.get("diff_ids", [digest(self.layer)])
        self.config = changes.get("config", json.dumps({
            "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": self.blob(OCI + "config.v1+json", self.config, changes.get("config_size")),
            "layers": [self.blob(OCI + changes.get("type", "layer.v1.tar"), self.layer, changes.get("layer_size"))]}).encode()
        self.top = self.blob(OCI + "manifest.v1+json", self.manifest, changes.get("manifest_size"))
        for _ in range(changes.get("nested", 0)):
            text = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [self.top]}).encode()
            self.top = self.blob(OCI + "index.v1+json", text)
        self.top["annotations"] = {"io.containerd.image.name": changes.get("name", "docker.io/library/lie:1")}

    def blob(self, kind, data, size=None):
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data) if size is None else size}

    def index(self):
        return json.dumps({"schemaVersion": 2, "manifests": [self.top]}).encode()

    def tar(self, without=None, index=None):
        text = member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        text += member("index.json", self.index() if index is None else index)
        for name, data in self.blobs.items():
            if name != without:
                text += member("blobs/sha256/" + name[7:], data)
        return text


END = bytes(1024)


def docker(manifest=None, extra=b"", config=None, layers=("layer.tar",), tags=("lie:1",)):
    image = Oci()
    if manifest is None:
        manifest = [{"Config": "config.json", "RepoTags": list(tags), "Layers": list(layers)}]
    return (member("layer.tar", image.layer) + member("config.json", image.config if config is None else config)
            + member("manifest.json", json.dumps(manifest).encode()) + extra + END)


def flipped():
    image = Oci()
    name = digest(image.layer)
    image.blobs[name] = bytes([image.layer[0] ^ 1]) + image.layer[1:]
    return image.tar() + END


def huge():
    return Oci().tar() + header("blobs/huge", 1 << 60)


def zeros():
    """A gigabyte and a half of zeros that only a compressed archive is small with."""
    out.write(Oci().tar() + header("zeros", 3 << 29))
    for _ in range(3 << 9):
        out.write(bytes(1 << 20))
    return END


def sparse():
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    text = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    text[386:398], text[398:410] = b"77777777777\0", b"00000000000\0"  # one run of nothing, far away
    text[483:495] = b"77777777777\0"
    text[148:156] = b"        "
    text[148:156] = b"%06o\0 " % sum(text)
    return Oci().tar() + bytes(text) + END


def nested_layer(name):
    return Oci(layer=layer({name: b"x"})).tar() + END


LIES = {
    "good-oci": lambda: Oci().tar() + END,
    "good-nested": lambda: Oci(nested=2).tar() + END,
    "good-docker": docker,
    "good-link": lambda: docker(layers=["a/layer.tar"], extra=member("a/layer.tar", b"", b"2", "../b/layer.tar")
                                + member("b/layer.tar", b"", b"2", "../layer.tar")),
    "good-hardlink": lambda: docker(layers=["other"], extra=member("other", b"", b"1", "layer.tar")),
    "untagged": lambda: docker(tags=[]),
    "flipped": flipped,
    "huge": huge,
    "zeros": zeros,
    "sparse": sparse,
    "absolute": lambda: member("/etc/passwd", b"x") + Oci().tar() + END,
    "dots": lambda: member("blobs/../../x", b"x") + Oci().tar() + END,
    "device": lambda: header("device", 0, b"3") + Oci().tar() + END,
    "long-name": lambda: member("x" * 200 + "/" + "y" * 200, b"x") + Oci().tar() + END,
    "link-out": lambda: docker(layers=["x"], extra=member("x", b"", b"2", "../../../etc/passwd")),
    "link-absolute": lambda: docker(layers=["x"], extra=member("x", b"", b"2", "/etc/passwd")),
    "link-circle": lambda: docker(layers=["x"], extra=member("x", b"", b"2", "y") + member("y", b"", b"2", "x")),
    "link-nowhere": lambda: docker(layers=["x"], extra=member("x", b"", b"2", "nowhere")),
    "twice": lambda: Oci().tar() + member("index.json", b"{}") + END,
    "many": lambda: b"".join(header("m/%d" % i) for i in range(70000)) + END,
    "nested": lambda: Oci(nested=1000).tar() + END,
    "config-no-json": lambda: Oci(config=b"{").tar() + END,
    "config-huge": lambda: Oci(config=b"[" + b" " * (5 << 20) + b"]").tar() + END,
    "index-huge": lambda: Oci().tar(index=b" " * (64 << 20)) + END,
    "index-no-json": lambda: Oci().tar(index=b"nothing") + END,
    "index-is-manifest": lambda: Oci().tar(index=Oci().manifest) + END,
    "index-empty": lambda: Oci().tar(index=b'{"schemaVersion":2,"manifests":[]}') + END,
    "bad-digest": lambda: Oci().tar(index=Oci().index().replace(b"sha256:", b"sha256:../")) + END,
    "missing-manifest": lambda: Oci().tar(without=digest(Oci().manifest)) + END,
    "missing-config": lambda: Oci().tar(without=digest(Oci().config)) + END,
    "missing-layer": lambda: Oci().tar(without=digest(Oci().layer)) + END,
    "diff-id": lambda: Oci(diff_ids=["sha256:" + "0" * 64]).tar() + END,
    "gzip-diff-id": lambda: Oci(layer=gzip.compress(layer({})), type="layer.v1.tar+gzip",
                                diff_ids=["sha256:" + "0" * 64]).tar() + END,
    "not-gzip": lambda: Oci(type="layer.v1.tar+gzip").tar() + END,
    "no-layers": lambda: Oci(diff_ids=[]).tar() + END,
    "manifest-size": lambda: Oci(manifest_size=1).tar() + END,
    "config-size": lambda: Oci(config_size=1).tar() + END,
    "bad-name": lambda: Oci(name="UPPER//x").tar() + END,
    "layer-dots": lambda: nested_layer("../../x"),
    "layer-garbage": lambda: Oci(layer=b"garbage" * 1000).tar() + END,
    "docker-no-json": lambda: member("manifest.json", b"[") + END,
    "docker-object": lambda: docker(manifest={}),
    "docker-no-config": lambda: docker(manifest=[{"Layers": []}]),
    "docker-missing-config": lambda: docker(manifest=[{"Config": "nowhere.json", "Layers": []}]),
    "docker-missing-layer": lambda: docker(layers=["nowhere/layer.tar"]),
    "docker-config-no-json": lambda: docker(config=b"\0\1\2"),
    "docker-outside": lambda: docker(layers=["../../etc/passwd"]),
    "docker-bad-tag": lambda: docker(tags=["a//b"]),
    "docker-many-layers": lambda: docker(layers=["layer.tar"] * 600),
    "no-documents": lambda: member("readme", b"x") + END,
    "empty-tar": lambda: END,
    "cut-off": lambda: Oci().tar()[:-4096],
    "cut-header": lambda: Oci().tar()[:1300],
    "garbage": lambda: b"garbage" * 10000,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("\n".join(LIES))
        sys.exit(0)
    out.write(LIES[sys.argv[1]]())
