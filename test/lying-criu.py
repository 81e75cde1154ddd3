#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program "criu" that speaks its protocol and does not do what it should. Reads one request, writes it as text to
$CRIU_REQUEST, and answers as $CRIU_LIE says:

silence   ends without a word           garbage   what is no message
refuse    no success, with a sentence   hook      tells of namespaces of a process, then success
long      more than an answer can be    nobody    success, but no process
terminal  hands over a terminal, and then refuses
"""
import os
import socket
import sys

from pycriu import rpc_pb2 as rpc

connection = socket.socket(fileno=int(sys.argv[2]))
request = rpc.criu_req()
request.ParseFromString(connection.recv(1 << 20))
with open(os.environ["CRIU_REQUEST"], "w", encoding="utf-8") as file:
    file.write(str(request))
lie = os.environ["CRIU_LIE"]
answer = rpc.criu_resp(type=request.type, success=True)


def notify(script, pid=1, descriptors=()):
    """Says so, and hears whether it may go on."""
    notice = rpc.criu_resp(type=rpc.NOTIFY, success=True)
    notice.notify.script = script
    notice.notify.pid = pid
    socket.send_fds(connection, [notice.SerializeToString()], descriptors)
    reply = rpc.criu_req()
    reply.ParseFromString(connection.recv(1 << 20))
    return reply.notify_success


if lie == "garbage":
    connection.send(b"\xff" * 100)
elif lie == "long":
    connection.send(b"\x08\x01" * 60000)
elif lie == "refuse":
    answer.success = False
    answer.cr_errno = 16
    answer.cr_errmsg = "Error (criu/lies.c:1): no"
elif lie == "terminal":
    answer.success = notify("orphan-pts-master", descriptors=os.openpty()[:1]) and False
elif lie == "hook":
    answer.success = notify("setup-namespaces", os.getpid())
if lie not in ("garbage", "long", "silence"):
    connection.send(answer.SerializeToString())
