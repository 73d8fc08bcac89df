"""docs/errors.md says what the code does, and the code refuses with nothing else."""

from __future__ import annotations

from docs.errors import ERRORS, TABLE, all_raised, http_functions, raised, refusals, rendered
from shared.contract.errors import CATALOGUE
from shared.domain.errors import ProviderError


def test_the_table_is_what_the_code_says() -> None:
    assert TABLE.read_text(encoding="utf-8") == rendered(), "run `make docs`"


def test_every_refusal_in_the_code_is_in_the_catalogue_with_its_status_and_nothing_else_is() -> None:
    made = all_raised()
    for kind, code in made:
        if not issubclass(ERRORS[kind], ProviderError):
            assert (CATALOGUE[code].status, CATALOGUE[code].http) == (ERRORS[kind].status, ERRORS[kind].http), code  # type: ignore[attr-defined]
    assert {code for _, code in made} == set(CATALOGUE)


def test_every_http_function_is_in_it() -> None:
    assert set(http_functions()) == {
        "create_link_token",
        "exchange_public_token",
        "sync_connection",
        "reconnect_connection",
        "remove_connection",
        "delete_bank_data",
        "plaid_webhook",
        "api_not_found",
    }


def test_what_a_function_can_reach_is_found_through_the_container_and_the_ports() -> None:
    of = {name: {refusal.code for refusal in found} for name, found in refusals().items()}
    # The guard, a story, a dataclass that is called, an adapter behind a port, a decorator of an adapter, a property.
    assert {"id_token_revoked", "duplicate_connection", "exchange_in_progress", "store_unavailable"} <= of[
        "exchange_public_token"
    ]
    assert {"user_action_required", "connection_unusable", "bank_unavailable"} <= of["reconnect_connection"]
    assert "webhook_not_verified" in of["plaid_webhook"]
    # And what it cannot is not.
    assert "bank_unavailable" not in of["delete_bank_data"]
    assert "sync_too_soon" not in of["remove_connection"]
    assert "id_token_missing" not in of["plaid_webhook"]
    assert raised(("functions.api_not_found", "api_not_found")) == {
        ("NotFound", "path_not_found"),
        ("BankError", "internal"),
        ("InvalidArgument", "not_storable"),
    }
