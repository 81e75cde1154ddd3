#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dns-server.py ADDRESS LAST: a name server at port 53 of ADDRESS (of either IP version), UDP and TCP, for a host's or a --dns server.
Everything below example.test is 203.0.113.LAST, whatever the name (a wildcard), but for names that begin with a word
that says how it misbehaves; nothing else is there. What it is asked goes to standard output.

  silent    says nothing          refused   SERVFAIL              (both only where LAST is 7)
  tcp       is cut by UDP, whole by TCP                           large     sixty addresses, which is more than 512 bytes
  broken    ends within a record  loop      a name that points to itself
  spoofed   before the answer come others, of 203.0.113.66: from another address, with other ids, to another question"""
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


def compose(query, end, last, count=1, owner=0xC00C, flags=0x8180):
    records = struct.pack(">HHHIH4B", owner, 1, 1, 60, 4, 203, 0, 113, last) * count
    return query[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + query[12:end] + records


def answer(query, by_udp):
    """The answer, or None."""
    name, end = name_of(query)
    kind = struct.unpack(">H", query[end - 4:end - 2])[0]
    word = name.split(".")[0]
    print(name, kind, flush=True)
    if not name.endswith(".example.test"):
        return compose(query, end, LAST, 0, flags=0x8183)
    if LAST == 7 and word == "silent":
        return None
    if LAST == 7 and word == "refused":
        return compose(query, end, LAST, 0, flags=0x8182)
    if by_udp and word == "tcp":
        return compose(query, end, LAST, 0, flags=0x8380)
    if word == "broken":
        return compose(query, end, LAST)[:-2]
    if word == "loop":
        return compose(query, end, LAST, owner=0xC000 | end)
    return compose(query, end, LAST, 60 if word == "large" else int(kind == 1))


def forge(query, sock, asker):
    _, end = name_of(query)
    forged = compose(query, end, 66)
    with socket.socket(sock.family, socket.SOCK_DGRAM) as other:
        other.sendto(forged, asker)
    for step in range(1, 6):
        wrong = (struct.unpack(">H", query[:2])[0] + step) % 65536
        sock.sendto(struct.pack(">H", wrong) + forged[2:], asker)
    sock.sendto(forged[:13] + b"x" + forged[14:], asker)


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        size = struct.unpack(">H", self.request.recv(2, socket.MSG_WAITALL))[0]
        reply = answer(self.request.recv(size, socket.MSG_WAITALL), False)
        if reply:
            self.request.sendall(struct.pack(">H", len(reply)) + reply)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        if name_of(query)[0].startswith("spoofed"):
            forge(query, sock, self.client_address)
        if reply := answer(query, True):
            sock.sendto(reply, self.client_address)


FAMILY, _, _, _, PLACE = socket.getaddrinfo(ADDRESS, 53, type=socket.SOCK_DGRAM)[0]


class Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = daemon_threads = True
    address_family = FAMILY


class Datagrams(socketserver.UDPServer):
    address_family = FAMILY


tcp = Threads(PLACE, Tcp)
udp = Datagrams(PLACE, Udp)
threading.Thread(target=tcp.serve_forever, daemon=True).start()
udp.serve_forever()
