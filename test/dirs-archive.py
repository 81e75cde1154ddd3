#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dirs-archive.py NAME: on stdout, an archive of one image (docker save's form) named dirs:NAME, for what layers that
become directories have to get right. `dirs-archive.py list PATH` prints all that can be seen of a tree's files."""
import hashlib
import io
import json
import os
import stat
import sys
import tarfile


def layer(*members):
    """(name, type, what): what is a text, a link's target, or nothing; then mode, uid, gid, mtime, xattrs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, (name, kind, *rest) in enumerate(members):
            what = rest[0] if rest else ""
            more = rest[1] if len(rest) > 1 else {}
            info = tarfile.TarInfo(name)
            info.type = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "s": tarfile.SYMTYPE, "h": tarfile.LNKTYPE,
                         "p": tarfile.FIFOTYPE}[kind]
            info.mode = more.get("mode", 0o755 if kind == "d" else 0o644)
            info.uid, info.gid = more.get("uid", 0), more.get("gid", 0)
            info.mtime = more.get("mtime", 1500000000 + number)
            info.pax_headers = {"SCHILY.xattr." + key: value for key, value in more.get("xattrs", {}).items()}
            if "exact" in more:
                info.pax_headers["mtime"] = more["exact"]
            if kind in "sh":
                info.linkname = what
            data = what.encode() if kind == "f" else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


BASE = layer(("./", "d", "", {"mode": 0o751, "uid": 3, "gid": 4, "mtime": 1111111111}),
             ("tmp/", "d", "", {"mode": 0o1777}), ("tmp/base", "f", "base"),
             ("home/", "d"), ("home/user/", "d", "", {"mode": 0o700, "uid": 1000, "gid": 1001}),
             ("home/user/notes/", "d", "", {"mode": 0o2770, "uid": 1000, "gid": 7,
                                            "xattrs": {"user.colour": "blue"}, "exact": "1234567890.123456789"}),
             ("usr/", "d"), ("usr/bin/", "d", "", {"mtime": 1222222222}), ("usr/bin/tool", "f", "#!", {"mode": 0o4755}),
             ("gone/", "d"), ("gone/deep/", "d", "", {"mode": 0o700}), ("gone/deep/file", "f", "x"),
             ("opaque/", "d"), ("opaque/below/", "d", "", {"mode": 0o711, "uid": 9}), ("file", "f", "a file"),
             ("implied/by/base", "f", "deep"))

IMAGES = {
    # Directories that upper layers only pass through.
    "implied": [BASE,
                layer(("home/user/notes/new", "f", "new"), ("usr/bin/app", "f", "app"), ("implied/by/upper", "f", "u"),
                      ("tmp/upper", "f", "u")),
                layer(("home/user/notes/newer", "f", "newer"), (".wh.gone", "f"), ("usr/", "d", "", {"mode": 0o555}),
                      ("opaque/", "d"), ("opaque/.wh..wh..opq", "f"), ("file", "d"), ("file/below/x", "f", "x"))],
    # What was hidden in between is no model for what comes after.
    "hidden": [BASE,
               layer((".wh.gone", "f"), ("opaque/.wh..wh..opq", "f"), ("home/.wh.user", "f")),
               layer(("gone/deep/again", "f", "again"), ("opaque/below/again", "f", "again"),
                     ("home/user/notes/again", "f", "again"), (".wh.tmp", "f"), ("tmp/x/y", "f", "y"))],
    # The same upper layers over another base.
    "other": [layer(("home/", "d", "", {"mode": 0o711, "uid": 5}), ("home/user/", "d", "", {"mode": 0o500, "gid": 6}),
                    ("tmp", "s", "elsewhere")),
              layer(("home/user/notes/new", "f", "new"), ("usr/bin/app", "f", "app"), ("implied/by/upper", "f", "u"),
                    ("tmp/upper", "f", "u"))],
    # A name twice, of every kind over every other.
    "twice": [layer(*[member for first in "fdsph" for second in "fdsph"
                      for member in ((f"{first}{second}/file", "f", "the first"), ("target", "f", "target"),
                                     (f"{first}{second}/x", first, "target" if first in "sh" else f"old {second}"),
                                     *(((f"{first}{second}/x/inside", "f", "old"),) if first == "d" else ()),
                                     *(((f"{first}{second}/kept", "h", f"{first}{second}/x"),) if first != "d" else ()),
                                     (f"{first}{second}/x", second, "target" if second in "sh" else f"new {first}"),
                                     *(((f"{first}{second}/x/more", "f", "new"),) if second == "d" else ()),
                                     )][:-1])],
    # Hard links whose names change places.
    "swapped": [layer(("b", "f", "X"), ("a", "f", "Y"), ("c", "h", "a"), ("a", "h", "b"), ("d/e", "f", "Z"),
                      ("d", "f", "no directory"), ("d", "d"), ("d/f", "h", "c"))],
    # Hard links to what only a layer below has: to files, links and pipes of every layer below, some of them links of
    # that kind themselves; what a layer above hides or replaces; the file itself gone, changed or moved from.
    "below": [BASE,
              layer(("usr/bin/other", "h", "usr/bin/tool"), ("home/user/notes/tool", "h", "usr/bin/tool"),
                    ("usr/bin/third", "h", "/usr/bin//tool"), ("usr/bin/fourth", "h", "./usr/bin/tool"),
                    ("new/deep/file", "h", "file"), ("pipe", "p"), ("sym", "s", "file"), ("mid", "f", "middle", {
                        "uid": 12, "gid": 13, "mode": 0o640, "xattrs": {"user.colour": "red"}})),
              layer(("again", "h", "usr/bin/other"), ("a-pipe", "h", "pipe"), ("a-sym", "h", "sym"), ("d/mid", "h", "mid"),
                    (".wh.mid", "f"), ("usr/bin/.wh.tool", "f"), ("tmp/base", "h", "implied/by/base"),
                    ("opaque/link", "h", "gone/deep/file"), ("gone/same", "h", "gone/deep/file"),
                    ("gone/same2", "h", "gone/same")),
              layer(("opaque/.wh..wh..opq", "f"), ("opaque/stays", "h", "gone/same"), ("new/.wh.deep", "f"),
                    ("d/mid", "f", "replaced"), ("home/user/", "d", "", {"mode": 0o750}))],
    # The same layers of links over another base.
    "below2": [layer(("usr/bin/tool", "f", "another tool"), ("file", "f", "another file"), ("home/", "d", "", {"uid": 8})),
               layer(("usr/bin/other", "h", "usr/bin/tool"), ("home/user/notes/tool", "h", "usr/bin/tool"),
                     ("new/deep/file", "h", "file"), ("pipe", "p"), ("sym", "s", "file"), ("mid", "f", "middle", {
                         "uid": 12, "gid": 13, "mode": 0o640, "xattrs": {"user.colour": "red"}}))],
    "nowhere": [BASE, layer(("x/lost", "h", "no/such/file"))],
    "hidden-target": [BASE, layer((".wh.file", "f")), layer(("x/lost", "h", "file"))],
    "lowest": [layer(("x/lost", "h", "file"))],
    "directory": [BASE, layer(("x/lost", "h", "home"))],
    "empty": [layer()],
    "whiteouts": [layer(("a/b", "f", "b"), ("a/c", "f", "c"), ("d/e", "f", "e")),
                  layer(("a/.wh.b", "f"), ("a/b", "f", "again"), ("d/.wh..wh..opq", "f"), ("d/g", "f", "g"),
                        ("d/.wh.nothing", "f"))],
    "top": [BASE, layer((".wh..wh..opq", "f"), ("tmp/new", "f", "n"), ("new", "f", "n"))],
    # Whiteouts in directories that no other layer has.
    "ghosts": [layer(("a/", "d", "", {"mode": 0o750, "uid": 5}), ("a/f", "f", "f"), ("a/.wh.x", "f"), ("file", "f", "f")),
               layer(("new/", "d", "", {"mode": 0o711, "mtime": 1333333333}), ("new/.wh.x", "f"), ("new/z", "f", "z"),
                     ("file", "d"), ("file/.wh.x", "f"), ("by/the/way/.wh.x", "f"), ("other", "f", "o")),
               layer((".wh.other", "f"), ("again/", "d"), ("again/.wh.other", "f"))],
    "ghost": [layer(("a/", "d"), ("a/b", "f", "b"), (".wh.x", "f"))],
}


def archive(name):
    layers = IMAGES[name]
    config = json.dumps({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
                         "config": {"Cmd": ["/x"]}, "rootfs": {"type": "layers", "diff_ids": [
                             "sha256:" + hashlib.sha256(data).hexdigest() for data in layers]}}).encode()
    files = {"config.json": config}
    files.update({f"{number}.tar": data for number, data in enumerate(layers)})
    files["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": [f"dirs:{name}"],
                                          "Layers": [f"{number}.tar" for number in range(len(layers))]}]).encode()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def show(root, path, firsts):
    st = os.lstat(path)
    kind = stat.S_ISDIR(st.st_mode)
    name = os.path.relpath(path, root)
    words = [repr(name), oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, st.st_rdev]
    if not kind:
        words += [st.st_nlink, firsts.setdefault(st.st_ino, name)]
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            words += [st.st_size, hashlib.sha256(file.read()).hexdigest()]
    if stat.S_ISLNK(st.st_mode):
        words.append(os.readlink(path))
    for key in sorted(os.listxattr(path, follow_symlinks=False)):
        if not key.startswith("trusted.overlay."):
            words.append((key, os.getxattr(path, key, follow_symlinks=False)))
    print(*words)


# What every container mounts over is made by the other driver, where the image lacks it.
MOUNT_POINTS = {"dev", "proc", "sys", "etc", "etc/hostname", "etc/hosts", "etc/resolv.conf"}


def show_all(root):
    firsts = {}
    show(root, root, firsts)
    for directory, directories, files in os.walk(root):
        directories.sort()
        for name in sorted(directories + files):
            path = os.path.join(directory, name)
            if os.path.relpath(path, root) not in MOUNT_POINTS:
                show(root, path, firsts)


if sys.argv[1] == "list":
    show_all(sys.argv[2])
else:
    archive(sys.argv[1])
