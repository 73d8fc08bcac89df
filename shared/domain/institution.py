"""A bank as an institution: what the app shows about it."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Branding

FRESH_FOR = timedelta(days=7)  # logos and names change rarely; Plaid asks not to fetch them per user
REFRESH_AFTER = FRESH_FOR - timedelta(days=1)  # by a daily turn, before a user finds it stale


class InstitutionInfo(BaseModel):
    """The shared, cached facts about one institution."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    institution_id: str
    name: str
    url: str | None = None
    logo: str | None = None
    primary_color: str | None = None
    country_codes: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    oauth: bool = False
    fetched_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether the facts can be used without asking Plaid again."""
        return now - self.fetched_at < FRESH_FOR

    def branding(self) -> Branding:
        """The part that is copied onto each connection."""
        return Branding(logo=self.logo, url=self.url, primary_color=self.primary_color)
