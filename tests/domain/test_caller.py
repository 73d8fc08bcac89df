"""The caller's identity, from the claims of their ID token."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.caller import Caller


@pytest.mark.parametrize(
    ("claims", "anonymous", "verified"),
    [
        ({"firebase": {"sign_in_provider": "anonymous"}}, True, None),
        ({"firebase": {"sign_in_provider": "phone"}, "phone_number": "+15550100"}, False, None),
        (
            {"firebase": {"sign_in_provider": "password"}, "email": "a@example.com", "email_verified": False},
            False,
            False,
        ),
        ({"firebase": {"sign_in_provider": "password"}, "email": "a@example.com", "email_verified": True}, False, True),
        ({"firebase": {"sign_in_provider": "google.com"}, "email": "a@example.com"}, False, False),
        ({"firebase": {"sign_in_provider": "custom"}}, False, None),
        ({"firebase": {"sign_in_provider": "custom"}, "email": "", "email_verified": False}, False, None),
        # The app chooses the claims of custom tokens.
        ({"firebase": "?", "email": ["a"], "email_verified": "yes"}, False, False),
        ({"email": "a@example.com", "email_verified": "true"}, False, False),
        ({"email": "a@example.com", "email_verified": 1}, False, False),
        ({}, False, None),
    ],
)
def test_claims_identify_anonymous_users_and_verified_addresses(
    claims: dict[str, Any], anonymous: bool, verified: bool | None
) -> None:
    assert Caller.of("alice", claims) == Caller("alice", is_anonymous=anonymous, email_verified=verified)
