"""A load client: opens WebSockets, joins, counts the events that come, and answers pings.

    python load.py PORT CONTROL_PORT CORE, and on standard input, as JSON,
    {"hello": [packet, …], "clients": n, "stalled": n, "stamps": bool}

Client k joins with packet k of `hello`, over and over; the first `stalled` clients never read. It
says "ready" when all are in. The running total of events goes to the control port, eight bytes each
time. It ends with its input, and says then, as JSON, how late events were if they carry `stamps`:
those since the last line of input.

All events have one size and no byte 1, so counting is arithmetic: a 1 is a ping's header.
"""

import json
import os
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field

from shape import FRAME_BYTES, STAMP, STAMP_DIGITS

REQUEST = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench.example\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING_BYTES = 3
# "3", masked with zeros.
PONG = b"\x81\x81\x00\x00\x00\x003"
REPORT_SECONDS = 0.005


def masked(packet: str) -> bytes:
    """A text frame, masked with zeros."""
    data = packet.encode()
    size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + b"\x00\x00\x00\x00" + data


def joined(port: int, hello: str) -> socket.socket:
    """A connection that is in the namespace /."""
    client = socket.socket()
    client.connect(("127.0.0.1", port))
    client.sendall(REQUEST)
    heard = b""
    while b'"sid"' not in heard:
        heard += client.recv(65_536)
    client.sendall(masked(hello))
    heard = b""
    while b"40{" not in heard or not heard.endswith(b"}"):
        chunk = client.recv(65_536)
        if not chunk or b"44{" in chunk:
            raise ConnectionError("the server lets nobody in")
        heard += chunk
    client.settimeout(0)
    return client


@dataclass(slots=True)
class Counter:
    """Counts what comes."""

    clients: dict[int, socket.socket]
    control: socket.socket
    stamps: bool
    size: int = 0
    late: list[int] = field(default_factory=list)
    buffer: bytearray = field(default_factory=lambda: bytearray(1024 * 1024))

    def run(self) -> None:
        """Read until standard input ends."""
        poll, told, told_at = select.epoll(), 0, 0.0
        for number in (*self.clients, sys.stdin.fileno()):
            poll.register(number, select.EPOLLIN)
        while True:
            for number, _ in poll.poll(REPORT_SECONDS if told < self.size else None):
                if number == sys.stdin.fileno():
                    if not os.read(number, 1024):
                        return
                    self.late.clear()
                    continue
                self.read(self.clients[number])
            now = time.monotonic()
            if told < self.size and now - told_at >= REPORT_SECONDS:
                told, told_at = self.size, now
                self.control.sendall((told // FRAME_BYTES).to_bytes(8, "big"))

    def read(self, client: socket.socket) -> None:
        """Read what has come for one client."""
        buffer = self.buffer
        size = client.recv_into(buffer)
        if size == 0:
            raise ConnectionError("the server closed a connection")
        if self.stamps:
            self.note(bytes(memoryview(buffer)[:size]), time.monotonic_ns())
        at = buffer.find(1, 0, size)
        while at >= 0:
            client.send(PONG)
            self.size -= PING_BYTES
            at = buffer.find(1, at + 1, size)
        self.size += size

    def note(self, data: bytes, now: int) -> None:
        """Note how late events are."""
        for part in data.split(STAMP)[1:]:
            if len(part) >= STAMP_DIGITS:
                self.late.append(now - int(part[:STAMP_DIGITS]))


def main() -> None:
    """Run."""
    port, control_port, core = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {core})
    order = json.loads(sys.stdin.readline())
    hello = order["hello"]
    found = [joined(port, hello[k % len(hello)]) for k in range(order["clients"])]
    clients = {client.fileno(): client for client in found[order["stalled"] :]}
    counter = Counter(
        clients, socket.create_connection(("127.0.0.1", control_port)), order["stamps"]
    )
    print("ready", flush=True)
    counter.run()
    late = sorted(counter.late)
    cuts = {"p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100]} if late else {}
    print(json.dumps(cuts), flush=True)


if __name__ == "__main__":
    main()
