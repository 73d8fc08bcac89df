"""Asks `worker_forks.py` for a worker with this process's environment and output, and lives as long as the worker.

Runs for each worker, so it imports little. The argument is the socket.
"""

import json
import os
import socket
import sys
import time

SECONDS = 60  # until worker_forks.py must listen

deadline = time.monotonic() + SECONDS
connection = socket.socket(socket.AF_UNIX)
while True:
    try:
        connection.connect(sys.argv[1])
        break
    except (FileNotFoundError, ConnectionRefusedError):
        if time.monotonic() > deadline:
            raise
        time.sleep(0.1)
environment = json.dumps(dict(os.environ)).encode()
socket.send_fds(connection, [environment[:1]], [1, 2])
connection.sendall(environment[1:])
connection.shutdown(socket.SHUT_WR)
connection.recv(1)
