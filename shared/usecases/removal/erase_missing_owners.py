"""Erases the bank data of users that Firebase Auth does not know any more, unless Auth's answer is implausible."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.errors import Unavailable
from shared.domain.removal import RemovalReason
from shared.log import log
from shared.ports import Owners
from shared.usecases.removal.erase_user import Eraser

MANY_OWNERS = 10
MAX_MISSING_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseMissingOwners:
    """Finds owners who do not exist any more, and erases their data.

    If more than `max_missing_share` of more than MANY_OWNERS users are unknown to Firebase Auth, none of them is
    erased: most likely, the Auth of another project answered.
    """

    owners: Owners
    eraser: Eraser
    max_missing_share: float = MAX_MISSING_SHARE

    def __call__(self, app_user_ids: Iterable[str]) -> None:
        """Erases the users that Firebase Auth does not know any more; none while Auth does not answer.

        Raises:
            Unavailable: The store did not answer: call again.
        """
        asked = sorted(set(app_user_ids))
        try:
            missing = self.owners.gone(asked) if asked else set()
        except Unavailable:
            log.warning("owners.unknown", asked=len(asked))  # the next daily check asks again
            return
        if len(asked) > MANY_OWNERS and len(missing) > len(asked) * self.max_missing_share:
            log.error("owners.implausible", asked=len(asked), gone=len(missing))
            return
        failed: list[Unavailable] = []
        for app_user_id in sorted(missing):
            try:
                self.eraser.begin(app_user_id, reason=RemovalReason.OWNER_GONE)
            except Unavailable as error:  # a failure for one user must not stop the others' erasures
                failed.append(error)
        if failed:
            raise failed[0]
