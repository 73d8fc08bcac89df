"""firestore.indexes.json compared with the documents: the emulator answers any query, with or without an index.

Production counts the index entries of a commit with its bytes, so each field is either queried (and keeps its entries)
or exempt; every new field has to be assigned to one of the two.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from emulators.setup import ROOT
from shared.adapters.firestore import sync_writes
from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.products.product_state import ProductState
from shared.domain.progress import RunRecord, SyncProgress
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction

MOST_OVERRIDES = 200  # https://firebase.google.com/docs/firestore/quotas#indexes
INDEXES: dict[str, Any] = json.loads((ROOT / "firestore.indexes.json").read_text(encoding="utf-8"))
OVERRIDES = {(one["collectionGroup"], one["fieldPath"]): one for one in INDEXES["fieldOverrides"]}


def composite(collection: str, *, everywhere: bool) -> set[tuple[tuple[str, str], ...]]:
    scope = "COLLECTION_GROUP" if everywhere else "COLLECTION"
    return {
        tuple((field["fieldPath"], field["order"]) for field in index["fields"])
        for index in INDEXES["indexes"]
        if index["collectionGroup"] == collection and index["queryScope"] == scope
    }


def entries(collection: str, field: str) -> set[tuple[str, str]]:
    """The single-field indexes of a field: its override, that of `*` for the other fields, or Firestore's default."""
    override = OVERRIDES.get((collection, field), OVERRIDES.get((collection, "*")))
    if override is None:
        return {("ASCENDING", "COLLECTION"), ("DESCENDING", "COLLECTION")}
    return {(index["order"], index["queryScope"]) for index in override["indexes"]}


def test_transactions_of_all_connections_can_be_listed_newest_first() -> None:
    assert (("app_user_id", "ASCENDING"), ("date", "DESCENDING")) in composite("bank_transactions", everywhere=True)


@pytest.mark.parametrize("narrower", ["account_id", "category.primary", "user.category"])
def test_transactions_of_one_account_or_category_can_be_listed_newest_first(narrower: str) -> None:
    wanted = (("app_user_id", "ASCENDING"), (narrower, "ASCENDING"), ("date", "DESCENDING"))
    assert wanted in composite("bank_transactions", everywhere=True)


def test_transactions_of_one_connection_can_be_listed_newest_first_by_owner_by_account_or_without_a_filter() -> None:
    within = composite("bank_transactions", everywhere=False)
    assert (("app_user_id", "ASCENDING"), ("date", "DESCENDING")) in within
    assert (("account_id", "ASCENDING"), ("date", "DESCENDING")) in within
    assert ("DESCENDING", "COLLECTION") in entries("bank_transactions", "date")


def test_stale_connections_can_be_counted_by_status() -> None:
    found = composite("bank_connections", everywhere=False)
    synced = (("status", "ASCENDING"), ("last_sync", "ASCENDING"))
    assert {synced, (*synced, ("created_at", "ASCENDING"))} <= found


PRODUCT_ROWS = ("bank_balances", "bank_recurring", "bank_liabilities", "bank_holdings", "bank_investment_transactions")


@pytest.mark.parametrize("collection", ["bank_accounts", "bank_transactions", "bank_products", *PRODUCT_ROWS])
def test_a_user_s_documents_of_all_connections_can_be_listed_in_any_order(collection: str) -> None:
    """Single-field indexes over a collection group are not automatic."""
    assert ("ASCENDING", "COLLECTION_GROUP") in entries(collection, "app_user_id")


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ("bank_sync_state", "due_at"),
        ("bank_credentials", "due_at"),
        ("bank_credentials", "issued_at"),
        ("bank_credentials", "key_id"),
        ("bank_exchange_intents", "access_token.key_id"),
        ("bank_removals", "access_token.key_id"),
        ("bank_credentials", "app_user_id"),
        ("bank_institutions", "fetched_at"),
        ("bank_exchange_intents", "due_at"),
        ("bank_connections", "item_id"),
        ("bank_connections", "app_user_id"),
        ("bank_connections", "institution_id"),
        ("bank_connections", "status"),
        ("bank_connections", "region"),
        ("bank_sync_progress", "app_user_id"),
        ("bank_sync_progress", "status"),
        ("bank_webhook_inbox", "due_at"),
        ("bank_webhook_inbox", "sweeps"),
        ("bank_removals", "due_at"),
        ("bank_transactions", sync_writes.RUN_FIELD),
        ("bank_transactions", "app_user_id"),
        ("bank_transactions", "account_id"),
        ("bank_transactions", "amount_value"),
        ("bank_transactions", "pending"),
        ("bank_transactions", "category.primary"),
    ],
)
def test_queried_fields_keep_their_index(collection: str, field: str) -> None:
    assert ("ASCENDING", "COLLECTION") in entries(collection, field)


def test_every_field_of_a_transaction_is_either_queried_or_exempt() -> None:
    stored = {*Transaction.__annotations__, "connection_id", "app_user_id", sync_writes.RUN_FIELD}
    decided = {field for collection, field in OVERRIDES if collection == "bank_transactions"}
    assert stored <= decided
    assert decided - stored == {"category.primary", "user.note"}


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ("bank_balances", "days"),
        ("bank_balances", "derived"),
        ("bank_recurring", "transaction_ids"),
        ("bank_recurring", "user"),
        ("bank_liabilities", "aprs"),
        ("bank_holdings", "security"),
        ("bank_investment_transactions", "security"),
    ],
)
def test_maps_and_lists_of_product_rows_have_no_index_entries(collection: str, field: str) -> None:
    assert entries(collection, field) == set()


def test_balances_of_all_connections_can_be_listed_latest_month_first() -> None:
    assert (("app_user_id", "ASCENDING"), ("month", "DESCENDING")) in composite("bank_balances", everywhere=True)
    assert ("DESCENDING", "COLLECTION") in entries("bank_balances", "month")


def test_investment_transactions_can_be_listed_newest_first() -> None:
    found = composite("bank_investment_transactions", everywhere=True)
    newest = ("date", "DESCENDING")
    assert {
        (("app_user_id", "ASCENDING"), newest),
        (("app_user_id", "ASCENDING"), ("account_id", "ASCENDING"), newest),
    } <= found
    assert ("DESCENDING", "COLLECTION") in entries("bank_investment_transactions", "date")


def test_a_transaction_costs_few_index_entries() -> None:
    single = sum(
        len(one["indexes"]) for one in INDEXES["fieldOverrides"] if one["collectionGroup"] == "bank_transactions"
    )
    combined = sum(index["collectionGroup"] == "bank_transactions" for index in INDEXES["indexes"])
    assert single + combined <= 16


@pytest.mark.parametrize(
    ("collection", "fields", "indexed"),
    [
        ("bank_sync_state", {field.alias or name for name, field in SyncState.model_fields.items()}, {"due_at"}),
        ("bank_product_state", {field.alias or name for name, field in ProductState.model_fields.items()}, {"due_at"}),
        ("bank_sync_progress", {*SyncProgress.model_fields}, {"app_user_id", "status"}),
        ("bank_sync_runs", {*RunRecord.model_fields}, {"connection_id"}),
        (
            "bank_credentials",
            {*StoredAccessToken.model_fields, *SealedToken.model_fields} - {"token"},
            {"due_at", "issued_at", "app_user_id", "key_id"},
        ),
    ],
)
def test_only_queried_fields_of_a_document_that_is_written_often_are_indexed(
    collection: str, fields: set[str], indexed: set[str]
) -> None:
    assert {field for field in fields if entries(collection, field)} == indexed
    assert indexed <= fields


def test_an_override_of_all_fields_of_a_collection_sets_no_ttl() -> None:
    """One override for `*` exempts all fields without an override of their own; a TTL policy needs a single field.

    Source: `name` of https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.fields
    """
    everything = [one for (_, field), one in OVERRIDES.items() if field == "*"]
    assert everything
    assert all(one["indexes"] == [] and "ttl" not in one for one in everything)


_DEPLOY = """
const {FirestoreApi} = require("./emulators/node_modules/firebase-tools/lib/firestore/api");
const spec = JSON.parse(require("fs").readFileSync("firestore.indexes.json"));
const api = new FirestoreApi();
const sent = [];
api.apiClient = {
  get: async () => ({body: {databaseEdition: "STANDARD"}}),
  post: async () => ({}),
  patch: async (url, body) => sent.push([url.split("/collectionGroups/")[1], body.indexConfig.indexes.length]),
};
api.deploy({project: "p", nonInteractive: true}, spec.indexes, spec.fieldOverrides)
  .then(() => console.log(JSON.stringify(sent)));
"""


def test_the_firebase_cli_deploys_every_override() -> None:
    """The CLI's own code checks the file, and makes one request for each override."""
    done = subprocess.run(["node", "-e", _DEPLOY], cwd=ROOT, capture_output=True, text=True, check=True)
    sent = {tuple(url.split("/fields/")): indexes for url, indexes in json.loads(done.stdout.splitlines()[-1])}
    assert sent == {key: len(one["indexes"]) for key, one in OVERRIDES.items()}


@pytest.mark.parametrize(
    "collection",
    [
        "bank_exchange_intents",
        "bank_webhook_inbox",
        "bank_link_sessions",
        "bank_link_results",
        "bank_pushes",
        "bank_link_guards",
        "bank_items",
        "bank_limits",
        "bank_institution_claims",
    ],
)
def test_expired_documents_are_removed_by_a_ttl_policy(collection: str) -> None:
    assert OVERRIDES[(collection, "expires_at")] == {
        "collectionGroup": collection,
        "fieldPath": "expires_at",
        "ttl": True,
        "indexes": [],  # an index on a monotonically growing time is a hot spot
    }


def test_the_file_stays_within_firestore_s_limits() -> None:
    assert len(OVERRIDES) == len(INDEXES["fieldOverrides"]) <= MOST_OVERRIDES
