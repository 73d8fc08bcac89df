"""`python -m emulators.plaid`: serves until SIGINT or SIGTERM."""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from emulators.plaid.app import Simulator
from emulators.plaid.settings import Settings

PORT = 8099
KEEP_ALIVE = 600  # seconds; a client that uses an idle connection while it is being closed gets no answer


class Server(uvicorn.Server):
    """Prints a line when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"Plaid simulator listens on http://{self.config.host}:{port}", flush=True)


def main() -> int:
    offset = int(os.environ.get("PORT_OFFSET") or 0)
    parser = argparse.ArgumentParser(prog="python -m emulators.plaid", description="A local Plaid simulator.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT + offset, help=f"default: {PORT} + PORT_OFFSET")
    parser.add_argument("--state", metavar="FILE", type=Path, help="load the state from this file and save it there")
    parser.add_argument("--initial-after", type=float, default=1.0, help="seconds until 30 days of history are ready")
    parser.add_argument("--history-after", type=float, default=3.0, help="seconds until the whole history is ready")
    parser.add_argument("--rate-limits", choices=["sandbox", "production"], help="enable Plaid's rate limits")
    parser.add_argument("--client-id", help="accept only this client id (default: any)")
    parser.add_argument("--secret", help="accept only this secret (default: any)")
    parser.add_argument("--seed", type=int, help="generate the same identifiers in every run")
    given = vars(parser.parse_args())
    host, port, state = given.pop("host"), given.pop("port"), given.pop("state")
    simulator = Simulator(Settings(**given), state)
    config = uvicorn.Config(
        simulator,
        host=host,
        port=port,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE,
    )
    server = Server(config)
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, lambda *_: sys.exit(0))
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
