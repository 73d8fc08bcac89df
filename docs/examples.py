"""Example bodies for the API reference; tests validate them against the models of the bodies."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CONNECTION_ID = "c7f3b0e2d94a4c0f8f5f3a3d1b6e2a90"
_ACCOUNT = {"account_id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp", "name": "Checking", "mask": "0000"}
_PLAID: Json = {
    "error_type": "INSTITUTION_ERROR",
    "error_code": "INSTITUTION_DOWN",
    "request_id": "m8MDnv9okwxFNBV",
}

_CONNECTION: Json = {
    "connection_id": CONNECTION_ID,
    "institution_id": "ins_109508",
    "institution_name": "First Platypus Bank",
    "status": "good",
    "account_ids": ["BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp"],
}

REQUESTS: dict[str, Json] = {
    "exchange_public_token": {
        "public_token": "public-sandbox-b0e2c4ee-a763-4df5-bfe9-46a46bce993d",
        "institution": {"institution_id": "ins_109508", "name": "First Platypus Bank"},
        "accounts": [{"id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp", "name": "Checking", "mask": "0000"}],
    },
    "plaid_webhook": {
        "webhook_type": "TRANSACTIONS",
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "item_id": "wz666MBjYWTp2PDzzggYhM6oWWmBb",
        "initial_update_complete": True,
        "historical_update_complete": True,
        "environment": "production",
    },
}
"""Request bodies by function."""

DETAILS: dict[str, Json] = {
    "rate_limited": {"retry_after_seconds": 12},
    "sync_too_soon": {"retry_after_seconds": 41},
    "duplicate_connection": {"connection_id": CONNECTION_ID, "accounts": [_ACCOUNT]},
    "bank_unavailable": {"retry_after_seconds": 30, "plaid": _PLAID},
}
"""What errors have in `details` beside their code."""

RESPONSES: dict[str, dict[int, Json]] = {
    "create_link_token": {
        200: {
            "link_token": "link-sandbox-af1a0311-da53-4636-b754-dd15cc058176",
            "expiration": "2026-03-08T16:00:00Z",
            "mode": "connect",
        }
    },
    "exchange_public_token": {201: _CONNECTION, 200: _CONNECTION},
    "sync_connection": {
        202: {
            "sync_progress": {
                "connection_id": CONNECTION_ID,
                "app_user_id": "JkPq3vYxT2bQm0sW8rZ1cDfGh4A2",
                "kind": "transactions",
                "status": "pending",
                "stage": "queued",
                "attempt": 3,
                "added": 0,
                "modified": 0,
                "removed": 0,
                "pages": 0,
                "percent": None,
                "history_complete": True,
                "started_at": "2026-03-08T11:58:02Z",
                "updated_at": "2026-03-08T12:00:00Z",
                "completed_at": "2026-03-08T11:58:05Z",
                "next_retry_at": None,
                "refreshed_at": None,
                "error": None,
            }
        }
    },
    "reconnect_connection": {200: {"status": "good"}},
    "refresh_balances": {
        200: {
            "accounts": [
                {
                    "account_id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp",
                    "connection_id": "8c1bb0d5a8d84dc5a8f0b2a1c3d4e5f6",
                    "app_user_id": "Zk3Jt0aQmVgYb1",
                    "name": "Plaid Checking",
                    "official_name": "Plaid Gold Standard 0% Interest Checking",
                    "mask": "0000",
                    "type": "depository",
                    "subtype": "checking",
                    "balances": {
                        "current": "110",
                        "available": "100",
                        "limit": None,
                        "iso_currency_code": "USD",
                        "unofficial_currency_code": None,
                    },
                    "persistent_account_id": None,
                    "duplicate_of": None,
                    "updated_at": "2026-03-01T12:00:03.125000Z",
                    "balances_at": "2026-03-01T12:00:03.125000Z",
                    "balances_source": "live",
                }
            ],
            "source": "live",
            "as_of": "2026-03-01T12:00:03.125000Z",
        }
    },
    "remove_connection": {202: {}},
    "delete_bank_data": {202: {}},
}
"""Response bodies by function and HTTP status."""
