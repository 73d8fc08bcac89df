"""Fault injection: what goes wrong, where and how often.

A rule names an endpoint (or `*`), optionally an Item, and how often it applies: `times` (default 1, null for no limit)
and `rate` (0 to 1, default 1). The first rule that applies is used.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from emulators.plaid.errors import PlaidError

KINDS = ("error", "latency", "hang", "reset", "half_body", "html_502", "rate_limit")
MODES = (
    "duplicate",
    "reorder",
    "drop",
    "delay",
    "wrong_signature",
    "old_iat",
    "altered_body",
    "unknown_kid",
)
Chance = Callable[[float], bool]


@dataclass(kw_only=True)
class Rule:
    item_id: str | None = None
    times: int | None = 1
    rate: float = 1.0
    seconds: float = 0.0

    def take(self, chance: Chance) -> bool:
        """Whether the rule applies to this call; if so, it uses up one of `times`."""
        if self.times == 0 or not chance(self.rate):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(kw_only=True)
class ErrorClass(Rule):
    """A fault of an answer. With `after` the call takes effect, and only its answer is spoiled."""

    kind: str
    endpoint: str = "*"
    error_code: str = "INTERNAL_SERVER_ERROR"
    error_type: str | None = None
    error_message: str | None = None
    status: int | None = None
    retry_after: int | None = None
    after: bool = False

    def error(self) -> PlaidError:
        code = (
            "RATE_LIMIT"
            if self.kind == "rate_limit" and self.error_code == "INTERNAL_SERVER_ERROR"
            else self.error_code
        )
        return PlaidError(code, self.error_message, error_type=self.error_type, status=self.status)


@dataclass(kw_only=True)
class WebhookFault(Rule):
    mode: str
    webhook_code: str | None = None


class Faults:
    """The rules for answers."""

    def __init__(self, chance: Chance) -> None:
        self.rules: list[ErrorClass] = []
        self._chance = chance

    def take(self, endpoint: str, item_id: str | None) -> ErrorClass | None:
        for rule in self.rules:
            here = rule.endpoint in {"*", endpoint} and rule.item_id in {None, item_id}
            if here and rule.take(self._chance):
                self.rules = [rule for rule in self.rules if rule.times != 0]
                return rule
        return None

    def as_list(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]


class WebhookFaults:
    """The rules for webhooks."""

    def __init__(self, chance: Chance) -> None:
        self.rules: list[WebhookFault] = []
        self._chance = chance

    def take(self, item_id: str | None, webhook_code: str) -> WebhookFault | None:
        for rule in self.rules:
            here = rule.item_id in {None, item_id} and rule.webhook_code in {None, webhook_code}
            if here and rule.take(self._chance):
                self.rules = [rule for rule in self.rules if rule.times != 0]
                return rule
        return None

    def as_list(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]
