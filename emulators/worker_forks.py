"""Starts the functions' workers as forks of this process, which has imported the libraries that they use.

firebase-tools starts a process for each function, and nearly all of its second of CPU goes into the same imports.
`forked-workers.cjs` lets it start `emulators/start_worker.py` instead, which asks this process for a fork. The
project's modules are not imported here, so that a worker runs the code as it is when the worker starts.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

LIBRARIES = (
    *("functions_framework._cli", "gunicorn.app.base", "gunicorn.workers.gthread"),
    *("firebase_functions.firestore_fn", "firebase_functions.https_fn"),
    *("firebase_functions.scheduler_fn", "firebase_functions.tasks_fn"),
    *("firebase_admin.auth", "firebase_admin.messaging", "google.cloud.firestore", "google.cloud.tasks_v2"),
    *("jwt", "plaid", "pydantic.main", "pydantic.types"),
    *("tink.aead", "tink.cleartext_keyset_handle", "tink.secret_key_access", "tink.signature"),
)
WAITING = 128  # connections that were not accepted yet


def main() -> None:
    """Forks a worker for each connection to the socket that is the argument, until it is killed."""
    path = Path(sys.argv[1])
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(WAITING)
        for name in LIBRARIES:
            importlib.import_module(name)
        gc.freeze()  # a collection in a worker would otherwise write to, and so copy, every page of the imports
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    become_worker(connection)


def become_worker(connection: socket.socket) -> None:
    """Serves as a process does that firebase-tools started as `functions-framework`.

    Args:
        connection: Sends the standard output and error, and then the environment as JSON. It stays open as long as the
            worker lives, which is how `start_worker.py` learns its end.
    """
    from functions_framework._cli import _cli

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    first, descriptors, _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as rest:
        environment = json.loads(first + rest.read())
    for standard, given in zip((1, 2), descriptors, strict=True):
        os.dup2(given, standard)
        os.close(given)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["functions-framework"]
    _cli()


if __name__ == "__main__":
    main()
