"""A load client: opens WebSockets, joins the namespace, then counts the bytes that come.

    python load.py PORT CONTROL_PORT CONNECTIONS CORE

It says "ready" when all are in. The running total goes to the control port, eight bytes each time,
so that the server can bound what is in flight. It ends when its standard input does.
"""

import os
import resource
import select
import socket
import sys

REQUEST = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench.example\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# "40", masked with zeros.
JOIN = b"\x81\x82\x00\x00\x00\x0040"
# "3", likewise: the answer to a ping.
PONG = b"\x81\x81\x00\x00\x00\x003"
PING = b"\x81\x012"
# A report costs the server more than a delivery: they are to be rare.
REPORT_BYTES = 256 * 1024
IDLE_POLLS = 500


def joined(port: int) -> socket.socket:
    """A connection that is in the namespace /."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(REQUEST)
    heard = b""
    while b"0{" not in heard:
        heard += client.recv(65_536)
    client.sendall(JOIN)
    heard = b""
    while b"40" not in heard:
        heard += client.recv(65_536)
    client.settimeout(0)
    return client


def count(clients: dict[int, socket.socket], control: socket.socket) -> None:
    """Read until standard input ends, without ever sleeping.

    To wake a sleeping client costs its server more than the sending (an interrupt to another core),
    so that a fast server would look slow just because the client had time to doze off.
    """
    poll = select.epoll()
    for number in (*clients, sys.stdin.fileno()):
        poll.register(number, select.EPOLLIN)
    buffer = bytearray(1024 * 1024)
    total = reported = idle = 0
    while True:
        ready = poll.poll(0)
        idle = 0 if ready else idle + 1
        for number, _ in ready:
            if number == sys.stdin.fileno():
                return
            size = clients[number].recv_into(buffer)
            if size == 0:
                raise ConnectionError("the server closed a connection")
            if size == len(PING) and buffer[:size] == PING:
                clients[number].send(PONG)
                continue
            total += size
        if total - reported >= REPORT_BYTES or (total > reported and idle > IDLE_POLLS):
            reported = total
            control.sendall(total.to_bytes(8, "big"))


def main() -> None:
    """Run."""
    port, control_port, connections, core = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {core})
    clients = {}
    for _ in range(connections):
        client = joined(port)
        clients[client.fileno()] = client
    control = socket.create_connection(("127.0.0.1", control_port))
    print("ready", flush=True)
    count(clients, control)


if __name__ == "__main__":
    main()
