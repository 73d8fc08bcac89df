"""The start of a worker: a process that serves one function."""

import os

from flask import current_app, has_app_context, has_request_context

from shared.emulators_only import check_emulators
from shared.log import configure
from shared.serving.http import error_response, path_not_found


def prepare_worker() -> None:
    """Checks the environment, and sets up the log and the framework's 404 before the first request.

    The log must be ready early, because the SDK logs requests that it refuses before a function is called. A path that
    the framework cannot route (with a line break) never reaches a function, so its 404 gets the contract's form here.

    The framework loads main.py within its application and before any request. Discovery, which serves no function,
    loads it without an application or during a request of its own, and needs no preparation.

    Raises:
        ValueError: The environment mixes emulators and real services; the worker does not start.
    """
    if has_app_context() and not has_request_context():
        check_emulators(os.environ)
        configure()
        current_app.register_error_handler(404, lambda _: error_response(path_not_found()))
