"""A link to HOST PORT that takes DELAY seconds one way and lets through RATE bytes a second: for ssh's ProxyCommand."""

import os
import socket
import sys
import threading
import time
from collections import deque

host, port, delay, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
far = socket.create_connection((host, port))
far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def carry(read, write, close):
    """What was read goes on when its time has come; reading never waits for that, up to a window's worth."""
    queue, changed = deque(), threading.Condition()
    window = max(64 * 1024, 2 * delay * rate)

    def deliver():
        while True:
            with changed:
                changed.wait_for(lambda: queue)
                due, data = queue[0]
            time.sleep(max(0, due - time.monotonic()))
            if not data:
                return close()
            write(data)
            with changed:
                queue.popleft()
                changed.notify_all()

    thread = threading.Thread(target=deliver, daemon=True)
    thread.start()
    free = time.monotonic()
    while True:
        data = read()
        # The wire is free again once these bytes are on it.
        free = max(free, time.monotonic()) + len(data) / rate
        with changed:
            changed.wait_for(lambda: sum(len(data) for _, data in queue) < window)
            queue.append((free + delay, data))
            changed.notify_all()
        if not data:
            return thread.join()


def to_far(data):
    far.sendall(data)


def to_near(data):
    while data:
        data = data[os.write(1, data):]


def end_far():
    far.shutdown(socket.SHUT_WR)


def received():
    try:
        return far.recv(16384)
    except OSError:
        return b""


def end_near():
    os._exit(0)


threading.Thread(target=carry, args=(lambda: os.read(0, 16384), to_far, end_far), daemon=True).start()
carry(received, to_near, end_near)
