"""The context that all steps share."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import yaml

from deploy.project import Project
from deploy.tools import Tools


@dataclass
class Context:
    """A running deploy.

    Attributes:
        ask: Asks for a secret at the terminal, without echo.
        interactive: Whether there is a terminal to ask at.
        request: Sends an HTTP request: method and address, as `httpx.request`.
        now: The time, in seconds.
    """

    project: Project
    tools: Tools
    ask: Callable[[str], str]
    interactive: bool
    request: Callable[..., httpx.Response] = httpx.request
    now: Callable[[], float] = time.time

    def say(self, line: str) -> None:
        """Prints a line at the terminal."""
        self.tools.say(line)

    @cached_property
    def config(self) -> str:
        """The firebase.json of the Firebase CLI's commands. A dry run does not write it."""
        unwritten = self.tools.dry and self.project.app is None
        return f"firebase.{self.project.id}.local.json" if unwritten else str(self.project.write_config())

    @cached_property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """The functions, as the Firebase CLI discovers them in main.py."""
        return manifest()

    def of_kind(self, trigger: str) -> dict[str, dict[str, Any]]:
        """The functions with a trigger: `taskQueueTrigger`, `eventTrigger`, `scheduleTrigger`, `httpsTrigger`."""
        return {name: endpoint for name, endpoint in self.endpoints.items() if trigger in endpoint}


def manifest() -> dict[str, dict[str, Any]]:
    """Every function with its trigger, service account, secrets and rate limits."""
    from firebase_functions.private import serving

    import main

    text = serving.functions_as_yaml({name: getattr(main, name) for name in dir(main)})
    endpoints: dict[str, dict[str, Any]] = yaml.safe_load(text)["endpoints"]
    return endpoints
