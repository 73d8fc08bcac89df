"""Plaid's tokens, which must not appear in logs or output, nor reach Plaid with the wrong keys."""

from typing import Any

from shared.domain.region import Region


class PlaidToken:
    """A public or access token: hidden in repr, str, logs, JSON and pickles. Only `reveal()` returns the value.

    Attributes:
        region: The key pair that the token belongs to. A call with another pair would fail, and show the token to a
            team of Plaid that does not own it.
    """

    __slots__ = ("_value", "region")

    def __init__(self, value: str, region: Region) -> None:
        self._value = value
        self.region = region

    def reveal(self) -> str:
        """The value; use it only for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "PlaidToken(…)"

    def __reduce__(self) -> Any:
        raise TypeError("a token cannot be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlaidToken) and (self._value, self.region) == (other._value, other.region)

    def __hash__(self) -> int:
        return hash((self._value, self.region))
