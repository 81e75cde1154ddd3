#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two ends of a network.

peer.py serve PORT: on TCP and UDP, both IP versions; tells everybody the address that he comes from, and sends
back what else a connection sends.
peer.py ask SECONDS PORT ADDRESS...: asks each by TCP and UDP; a line each with what it was told, "refused" or
"silence". It does not wait longer than it takes to hear of all.
peer.py hold PORT ADDRESS: a connection by TCP; says what it was told, then sends on each line of its standard input,
and says what comes back."""
import errno
import select
import socket
import sys
import time


def name(peer):
    return peer[0].removeprefix("::ffff:").encode() + b"\n"


def serve(port):
    tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", port))
    print("ready", flush=True)
    kept = []
    while True:
        for ready in select.select([tcp, udp, *kept], [], [])[0]:
            if ready is tcp:
                connection, peer = tcp.accept()
                connection.sendall(name(peer))
                kept.append(connection)
            elif ready is udp:
                _, peer = udp.recvfrom(99)
                udp.sendto(name(peer), peer)
            else:
                try:
                    data = ready.recv(99)
                except OSError:
                    data = b""
                if data:
                    ready.sendall(data)
                else:
                    kept.remove(ready)
                    ready.close()


def begin(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.setblocking(False)
    error = s.connect_ex((address, port))
    if kind == "udp" and not error:
        s.send(b"who am I")
    return s, error


def answer(s):
    try:
        return s.recv(99).decode().strip() or "nothing"
    except BlockingIOError:
        return None
    except ConnectionRefusedError:
        return "refused"
    except OSError as e:
        return errno.errorcode[e.errno]


def ask(seconds, port, addresses):
    waiting, told = {}, {}
    for address in addresses:
        for kind in ("tcp", "udp"):
            s, error = begin(kind, address, port)
            told[kind, address] = "silence"
            if error in (0, errno.EINPROGRESS):
                waiting[s] = kind, address
            else:
                told[kind, address] = errno.errorcode[error]
    end = time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for s in select.select(list(waiting), [], [], left)[0]:
            if text := answer(s):
                told[waiting.pop(s)] = text
    for (kind, address), text in told.items():
        print(kind, address, text)


def hold(port, address):
    s = socket.create_connection((address, port))
    f = s.makefile("rw")
    print(f.readline().strip(), flush=True)
    for line in sys.stdin:
        f.write(line)
        f.flush()
        print(f.readline().strip(), flush=True)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
elif sys.argv[1] == "ask":
    ask(float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
else:
    hold(int(sys.argv[2]), sys.argv[3])
