"""An institution: what the app shows of a bank."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Branding

FRESH_FOR = timedelta(days=7)  # logos and names change rarely; Plaid asks not to fetch them per user
TRY_AGAIN_AFTER = timedelta(hours=36)  # so that the next daily refresh fetches other institutions first
TRY_AGAIN_WITHIN = timedelta(days=30)
REFRESH_AFTER = FRESH_FOR - timedelta(days=1)  # in the daily refresh, before an app reads a stale institution


class InstitutionInfo(BaseModel):
    """The cached data of an institution, shared by all users.

    `next_try_at` is set while Plaid cannot return it: until then the daily refresh fetches all others first.
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
        """Whether the data can be used without fetching it again."""
        return now - self.fetched_at < FRESH_FOR

    def is_put_off(self, now: datetime) -> bool:
        """Whether the daily refresh fetches all other institutions first."""
        return self.next_try_at is not None and self.next_try_at > now

    def next_try(self, now: datetime) -> datetime:
        """When to fetch it again after a failure; the delay grows with the age of the data."""
        return now + min(max(now - self.fetched_at - FRESH_FOR, TRY_AGAIN_AFTER), TRY_AGAIN_WITHIN)

    def branding(self) -> Branding:
        """The part that is copied into each connection."""
        return Branding(logo=self.logo, url=self.url, primary_color=self.primary_color)
