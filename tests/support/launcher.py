"""Starts `securecontext` again and again from a process that has imported it: a start is a fork.

    python launcher.py FD

A start of Python and the imports cost ten times what the server itself does at its start. FD is a
socket over which one order comes at a time, a line of JSON: `{"start": arguments, "environ": {…}}`
with three descriptors, for the child's output, its errors, and one it only holds, so that its end
can be seen; answered with its pid. `{"reap": pid}` is answered with the exit status of a child that
has ended. When the socket closes, the children that are left are killed.
"""

import importlib
import json
import os
import signal
import socket
import sys
from typing import Final

IMPORTED: Final = (
    "scp_cli.main",
    "scp_cli.serve",
    "scp_cli.sandbox",
    "sqlalchemy.dialects.sqlite",
)
DESCRIPTORS: Final = 3


def ordered(control: socket.socket) -> list[str] | None:
    """Do as ordered. Returns the arguments in a child that is to run them, None at the end."""
    children: set[int] = set()
    while True:
        line, passed = received(control)
        if not line:
            break
        order = json.loads(line)
        if "reap" in order:
            _, status = os.waitpid(order["reap"], 0)
            children.discard(order["reap"])
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                control.close()
                become(passed, order["environ"])
                return list(order["start"])
            children.add(answer)
            for descriptor in passed:
                os.close(descriptor)
        control.sendall(f"{answer}\n".encode())
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return None


def received(control: socket.socket) -> tuple[bytes, list[int]]:
    """A line and the descriptors that came with it; nothing at the end."""
    line, passed = b"", list[int]()
    while not line.endswith(b"\n"):
        part, descriptors, _, _ = socket.recv_fds(control, 1 << 16, DESCRIPTORS)
        if not part:
            return b"", []
        line += part
        passed += descriptors
    return line, passed


def become(passed: list[int], environ: dict[str, str]) -> None:
    """Be the child: its output, its errors, its variables and no others."""
    output, errors, _held = passed
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    os.environ.clear()
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    # Not for Ctrl+C: it ends when who started it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in IMPORTED:
        importlib.import_module(name)
    arguments = ordered(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        sys.argv[1:] = arguments
        importlib.import_module("scp_cli.main").main()
