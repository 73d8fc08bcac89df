"""The simulator's settings."""

from dataclasses import dataclass, field

US, EU = "us", "eu"  # the teams; with two key pairs, each has its own Items, tokens and signing keys


@dataclass
class Settings:
    """Settings, given at start and changed by POST /_sim/settings."""

    initial_after: float = 1.0
    history_after: float = 3.0
    product_delays: dict[str, float] = field(default_factory=dict)  # seconds from the first use until data is ready
    rate_limits: str | None = None
    client_id: str | None = None
    secret: str | None = None
    eu_client_id: str | None = None  # a second team, for banks outside the US and Canada
    eu_secret: str | None = None
    username: str | None = None  # the login that the Link page fills in, if any
    password: str | None = field(default=None, repr=False)
    seed: int | None = None
