"""The deployed functions. Each one is imported from its own module when it is first used.

A worker serves one function, so it imports only that function's module.
"""

import importlib
import os
from typing import Any

from firebase_functions import options

from shared.serving.sizes import INSTANCES
from shared.serving.worker import prepare_worker

FUNCTIONS = (
    "create_link_token",
    "exchange_public_token",
    "sync_connection",
    "reconnect_connection",
    "refresh_balances",
    "remove_connection",
    "delete_bank_data",
    "plaid_webhook",
    "api_not_found",
    "on_connection_created",
    "on_notification_created",
    "on_user_deleted",
    "synctransactions",
    "syncproducts",
    "handlewebhook",
    "exchangelink",
    "checkitem",
    "checkitems",
    "rotatetoken",
    "removeitem",
    "erasedata",
    "movehistory",
    "schedule_syncs",
    "monitor_connections",
)

# An instance of one vCPU has one worker with four threads (functions-framework): a fifth request would only queue
# behind requests that wait for Plaid. Memory: see the measurements in docs/performance.md.
# A new project may use 20 vCPU in a region, so the instances of each function are limited (shared/serving/sizes.py).
# The Firebase CLI passes the environment file of the project when it discovers the functions (prepare.ts).
options.set_global_options(
    region=os.environ.get("DEPLOY_REGION") or "us-central1",
    memory=options.MemoryOption.MB_512,
    concurrency=4,
    cpu=1,
    max_instances=INSTANCES,
)


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS:
        raise AttributeError(name)
    function = getattr(importlib.import_module(f"functions.{name}"), name)
    prepare_worker()
    return function


def __dir__() -> list[str]:
    return list(FUNCTIONS)
