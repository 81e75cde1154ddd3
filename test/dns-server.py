#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dns-server.py ADDRESS LAST: a name server at port 53 of ADDRESS, UDP and TCP, for a host's or a --dns server.
Everything below example.test is 203.0.113.LAST, whatever the name (a wildcard); nothing else is there. What it is asked
goes to standard output."""
import socket
import socketserver
import struct
import sys
import threading

ADDRESS, LAST = sys.argv[1], int(sys.argv[2])


def name_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += query[at] + 1
    return ".".join(labels), at + 5


def answer(query):
    name, end = name_of(query)
    kind = struct.unpack(">H", query[end - 4:end - 2])[0]
    print(name, kind, flush=True)
    found = name.endswith(".example.test")
    records = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 60, 4, 203, 0, 113, LAST) if found and kind == 1 else b""
    flags = 0x8180 if found else 0x8183
    return query[:2] + struct.pack(">HHHHH", flags, 1, bool(records), 0, 0) + query[12:end] + records


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        size = struct.unpack(">H", self.request.recv(2, socket.MSG_WAITALL))[0]
        reply = answer(self.request.recv(size, socket.MSG_WAITALL))
        self.request.sendall(struct.pack(">H", len(reply)) + reply)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(answer(self.request[0]), self.client_address)


socketserver.TCPServer.allow_reuse_address = True
tcp = socketserver.TCPServer((ADDRESS, 53), Tcp)
udp = socketserver.UDPServer((ADDRESS, 53), Udp)
threading.Thread(target=tcp.serve_forever, daemon=True).start()
udp.serve_forever()
