#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both ends of connections through published ports.

port-peer.py serve PROTOCOL:PORT[@ADDRESS]...  on all addresses of both versions, or one; says "ready", and to each
                                               client under which address it sees him, and the port that he came to
port-peer.py ask PROTOCOL HOST PORT         prints that; ends with 1 when nobody answers"""
import os
import selectors
import socket
import sys

KINDS = {"tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP), "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
         "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP)}


def listen(family, protocol, port, address):
    """A socket, or None where the kernel has no such family."""
    kind, number = KINDS[protocol]
    try:
        server = socket.socket(family, kind, number)
    except OSError:
        return None
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen(128)
    return server


def answer(server):
    port = server.getsockname()[1]
    if server.type == socket.SOCK_DGRAM:
        _, peer = server.recvfrom(100)
        server.sendto(f"{peer[0]} {port}\n".encode(), peer)
        return
    connection, peer = server.accept()
    with connection:
        connection.sendall(f"{peer[0]} {port}\n".encode())


def serve(doors):
    selector = selectors.DefaultSelector()
    for door in doors:
        protocol, port = door.split(":", 1)
        port, _, one = port.partition("@")
        version = socket.AF_INET6 if ":" in one else socket.AF_INET
        places = [(version, one)] if one else [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
        for family, address in places:
            if server := listen(family, protocol, int(port), address):
                selector.register(server, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            answer(key.fileobj)


def ask(protocol, host, port):
    kind, number = KINDS[protocol]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind, number) as client:
        client.settimeout(float(os.environ.get("PATIENCE", "5")))
        client.connect((host, int(port)))
        if kind == socket.SOCK_DGRAM:
            client.send(b"who am I?")
        words = client.recv(100).decode()
    if not words:
        raise OSError("hung up")
    print(words, end="")


try:
    {"serve": lambda *doors: serve(doors), "ask": ask}[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    print(error)
    sys.exit(1)
