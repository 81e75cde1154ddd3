#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agent.py SOCKET MESSAGE: a seccomp agent. Takes one listener, keeps the message that came with it, and answers
every call that it is asked about with errno 42 until the container is gone."""
import array
import ctypes
import errno
import fcntl
import os
import select
import socket
import sys

RECV, SEND = 0xC0502100, 0xC0182101


class Notification(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("nr", ctypes.c_int), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64),
                ("args", ctypes.c_uint64 * 6)]


class Answer(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("val", ctypes.c_int64), ("error", ctypes.c_int32),
                ("flags", ctypes.c_uint32)]


def receive(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        connection, _ = server.accept()
    fds, text = array.array("i"), b""
    while True:
        part, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
        if not part:
            return fds[0], text
        text += part
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[:len(data) - len(data) % fds.itemsize])


def answer(listener):
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        if poll.poll()[0][1] & select.POLLHUP:
            return
        asked = Notification()
        try:
            fcntl.ioctl(listener, RECV, asked)
            fcntl.ioctl(listener, SEND, Answer(id=asked.id, error=-42))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):
                raise


fd, message = receive(sys.argv[1])
with open(sys.argv[2] + ".new", "wb") as out:
    out.write(message)
os.rename(sys.argv[2] + ".new", sys.argv[2])
answer(fd)
