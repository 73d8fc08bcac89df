"""A bank as an institution: what the app shows about it."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Branding

FRESH_FOR = timedelta(days=7)  # logos and names change rarely; Plaid asks not to fetch them per user
TRY_AGAIN_AFTER = timedelta(hours=36)  # so that the next daily refresh asks for others first
TRY_AGAIN_WITHIN = timedelta(days=30)
REFRESH_AFTER = FRESH_FOR - timedelta(days=1)  # by a daily turn, before a user finds it stale


class InstitutionInfo(BaseModel):
    """The shared, cached facts about one institution.

    `next_try_at` is set while Plaid cannot answer for it: until then the daily refresh asks for all others first.
    """

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
    next_try_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the facts can be used without asking Plaid again."""
        return now - self.fetched_at < FRESH_FOR

    def is_put_off(self, now: datetime) -> bool:
        """Whether the daily refresh asks for all others first."""
        return self.next_try_at is not None and self.next_try_at > now

    def next_try(self, now: datetime) -> datetime:
        """When to ask for it again after Plaid did not answer: the later, the longer it is stale."""
        return now + min(max(now - self.fetched_at - FRESH_FOR, TRY_AGAIN_AFTER), TRY_AGAIN_WITHIN)

    def branding(self) -> Branding:
        """The part that is copied onto each connection."""
        return Branding(logo=self.logo, url=self.url, primary_color=self.primary_color)
