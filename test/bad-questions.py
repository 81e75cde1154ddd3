#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bad-questions.py KIND: what no honest client sends to 127.0.0.11, from where it is started.

  cut       a good question, cut at each byte        random    2,000 messages of random bytes, by UDP and by TCP
  pointers  names of pointers: to themselves, ahead, in circles; a thousand records of them
  oversized 65,507 bytes by UDP, 65,535 by TCP       half-open two hundred connections that say half a length
  answers   answers, as if somebody had asked
  flood     questions that nobody answers and ones that are answered at once, as fast as it goes, until it is killed"""
import random
import socket
import struct
import sys

SERVER = ("127.0.0.11", 53)
HEAD = struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0)
WEB = HEAD + b"\3web\0\0\1\0\1"


def udp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(SERVER)
    return sock


def by_tcp(message):
    with socket.create_connection(SERVER) as sock:
        try:
            sock.sendall(struct.pack(">H", len(message)) + message)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass


def cut():
    sock = udp()
    for size in range(len(WEB)):
        sock.send(WEB[:size])
        by_tcp(WEB[:size])


def pointers():
    sock = udp()
    records = struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 1000) + b"\3web\0\0\1\0\1"
    chain = b"".join(struct.pack(">H", 0xC000 | at) for at in range(len(records), 16000, 2))
    record = struct.pack(">HHHIH", 0xC000 | 15998, 16, 1, 0, 0)
    for message in (HEAD + b"\xc0\x0c\0\1\0\1", HEAD + b"\xc0\x20\0\1\0\1", HEAD + b"\xc0\x0e\xc0\x0c\0\1\0\1",
                    HEAD + b"\3web\xc0\x0c\0\1\0\1", HEAD[:-1] + b"\1\3web\0\0\1\0\1\xc0\x15\0\x29\0\0\0\0\0\0\0\0"):
        sock.send(message)
        by_tcp(message)
    by_tcp(records + struct.pack(">HHHIH", 0xC000 | 12, 16, 1, 0, len(chain)) + chain + 999 * record)


def oversized():
    sock = udp()
    sock.send(WEB + bytes(65507 - len(WEB)))
    sock.send(WEB + bytes(5000))
    by_tcp(WEB + bytes(65535 - len(WEB)))


def randomly():
    sock = udp()
    source = random.Random(1)
    for turn in range(2000):
        message = source.randbytes(source.randrange(1, 600))
        sock.send(message)
        if turn % 10 == 0:
            by_tcp(message)


def half_open():
    kept = []
    for _ in range(200):
        kept.append(socket.create_connection(SERVER))
        kept[-1].sendall(b"\0")
    print("open", flush=True)
    sys.stdin.read()


def answers():
    sock = udp()
    for _ in range(100):
        sock.send(WEB[:2] + b"\x81\x80" + WEB[4:])


def flood():
    sock = udp()
    sock.setblocking(False)
    silent = HEAD + b"\6silent\7example\4test\0\0\1\0\1"
    print("flooding", flush=True)
    while True:
        for message in (WEB, silent):
            try:
                sock.send(message)
            except OSError:
                pass


{"cut": cut, "pointers": pointers, "oversized": oversized, "random": randomly, "half-open": half_open, "answers": answers,
 "flood": flood}[sys.argv[1]]()
