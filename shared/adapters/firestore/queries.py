"""All queries of the backend and the app: their conditions and their order.

Production needs an index for a query, the emulators do not. So each query is declared here; a test derives the indexes
and compares them with firestore.indexes.json, both ways; and on the emulators the client refuses undeclared queries
(`with_index_check`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from google.cloud.firestore_v1.types import StructuredQuery

from shared.domain.products.kinds import COLLECTION

if TYPE_CHECKING:
    from google.cloud import firestore

NAME = "__name__"  # its index always exists
_Operator = StructuredQuery.FieldFilter.Operator
_EQUALITIES = frozenset([_Operator.EQUAL, _Operator.IN])
_DESCENDING = StructuredQuery.Direction.DESCENDING


class Order(NamedTuple):
    """A field that results are sorted by."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """The shape of a query.

    Attributes:
        collection: The last segment of the collection's path.
        equal: Fields that are compared for equality, in any order.
        ranged: The field that is compared otherwise.
        order: The sort order; by default, Firestore sorts by the ranged field.
        everywhere: Queries all collections with that name (a collection group).
    """

    collection: str
    equal: frozenset[str] = frozenset()
    ranged: str | None = None
    order: tuple[Order, ...] = ()
    everywhere: bool = False

    def __str__(self) -> str:
        """A stable description of the query, equal in every process."""
        order = (f"{one.field}{' descending' if one.descending else ''}" for one in self.order)
        conditions = [*sorted(f"{name} =" for name in self.equal), *([f"{self.ranged} <>"] if self.ranged else [])]
        where = "everywhere" if self.everywhere else "in one place"
        return f"{self.collection} {where}: {', '.join(conditions) or 'all'}; by {', '.join(order) or 'anything'}"

    @classmethod
    def all_of(cls, structured: Any) -> Iterator[Self]:
        """The queries in a StructuredQuery protobuf: each alternative of an `or` is a separate query."""
        [source] = structured.from_
        for conditions in _alternatives(structured.where):
            equal, ranged = set[str](), set[str]()
            for field, operator in conditions:
                (equal if operator in _EQUALITIES else ranged).add(field)
            ranged.discard(NAME)
            order = [Order(o.field.field_path, o.direction == _DESCENDING) for o in structured.order_by]
            yield cls(
                source.collection_id,
                frozenset(equal - {NAME}),
                next(iter(ranged), None),
                tuple(one for one in order if one.field != NAME),
                source.all_descendants,
            )


def _asked(collection: str, *equal: str, ranged: str | None = None, sorted_: bool = True) -> Query:
    """A query of the backend, sorted by its ranged field if it has one."""
    order = (Order(ranged),) if ranged is not None and sorted_ else ()
    return Query(collection, frozenset(equal), ranged, order)


_PRODUCT_ROWS = ("bank_balances", *COLLECTION.values())
BACKEND = frozenset(
    [
        # due documents, longest due first
        *(
            _asked(name, ranged="due_at")
            for name in (
                "bank_sync_state",
                "bank_product_state",
                "bank_exchange_intents",
                "bank_removals",
                "bank_erasures",
                "bank_credentials",
                "bank_webhook_inbox",
                "bank_history_moves",
            )
        ),
        _asked("bank_audit", ranged="sign_at"),
        _asked("bank_credentials", ranged="issued_at"),
        _asked("bank_institutions", ranged="fetched_at"),
        # by owner, institution, item or connection
        Query("bank_accounts", frozenset(["app_user_id"]), everywhere=True),
        _asked("bank_connections", "app_user_id"),
        _asked("bank_connections", "app_user_id", "institution_id"),
        _asked("bank_connections", "institution_id"),
        _asked("bank_connections", "item_id"),
        _asked("bank_credentials", "app_user_id"),
        _asked("bank_exchange_intents", "app_user_id"),
        _asked("bank_link_results", "app_user_id"),
        _asked("bank_link_results", "connection_id"),
        _asked("bank_link_sessions", "app_user_id"),
        _asked("bank_link_sessions", "app_user_id", "updates", ranged="usable_until", sorted_=False),
        _asked("bank_notifications", "connection_id"),
        _asked("bank_notifications", ranged="created_at"),
        Query("bank_notifications", frozenset(["outage_id"]), everywhere=True),
        _asked("bank_removals", "app_user_id"),
        _asked("bank_set_aside", "connection_id"),
        _asked("bank_sync_runs", "connection_id"),
        # outages of banks
        Query(
            "bank_sync_state", frozenset(["bank_failed"]), "bank_known_at", (Order("bank_known_at", descending=True),)
        ),
        Query("bank_sync_state", frozenset(["source"]), "bank_at", (Order("bank_at", descending=True),)),
        Query("bank_sync_state", frozenset(["source"]), "deferred_from", (Order("deferred_from"),)),
        Query("bank_sync_state", frozenset(["source"]), "deferred_from"),
        Query(
            "bank_connections",
            frozenset(["institution_id", "status"]),
            "updated_at",
            (Order("updated_at", descending=True),),
        ),
        _asked("bank_institutions"),
        # devices
        _asked("users", ranged="notification_tokens", sorted_=False),
        # webhooks
        _asked("bank_webhook_inbox", "connection_id"),
        _asked("bank_webhook_inbox", "connection_id", ranged="due_at"),
        _asked("bank_webhook_inbox", ranged="received_at"),
        # a connection's rows
        _asked("bank_transactions", "account_id"),
        _asked("bank_transactions", "run"),
        _asked("bank_transactions", ranged="date"),
        # products that wait for consent
        _asked("bank_products", "status"),
        # a connection's rows of products, and those of one account
        *(_asked(name) for name in _PRODUCT_ROWS),
        *(_asked(name, "account_id") for name in _PRODUCT_ROWS),
        _asked("bank_investment_transactions", ranged="date", sorted_=False),
        # whole collections
        *(
            _asked(name)
            for name in (
                "bank_accounts",
                "bank_archived_transactions",
                "bank_audit_checkpoints",
                "bank_audit_entries",
                "bank_connections",
                "bank_link_guards",
                "bank_products",
                "bank_transactions",
            )
        ),
        # for operators: health
        _asked("bank_connections", "status"),
        _asked("bank_connections", "region"),
        _asked("bank_connections", "status", ranged="last_sync", sorted_=False),
        _asked("bank_connections", "status", "last_sync", ranged="created_at", sorted_=False),
        _asked("bank_sync_progress", "status"),
        *(
            _asked(name, ranged="due_at", sorted_=False)
            for name in ("bank_sync_state", "bank_product_state", "bank_webhook_inbox", "bank_removals")
        ),
        _asked("bank_webhook_inbox", ranged="sweeps", sorted_=False),
        # for operators: tokens that another key sealed
        _asked("bank_credentials", ranged="key_id"),
        _asked("bank_exchange_intents", ranged="access_token.key_id"),
        _asked("bank_removals", ranged="access_token.key_id"),
    ]
)
_OWNED = frozenset(["app_user_id"])
_NEWEST = (Order("date", descending=True),)

APP = frozenset(
    [
        *(Query(name, _OWNED) for name in ("bank_connections", "bank_sync_progress")),
        *(Query(name, _OWNED, everywhere=True) for name in ("bank_accounts", "bank_transactions")),
        Query("bank_notifications", order=(Order("created_at", descending=True),)),
        # over all banks, newest first: all, of one account, or of one category (the bank's or the user's own)
        *(
            Query("bank_transactions", _OWNED | narrower, ranged, _NEWEST, everywhere=True)
            for narrower in (frozenset[str](), {"account_id"}, {"category.primary"}, {"user.category"})
            for ranged in (None, "date")
        ),
        # of one connection, newest first
        *(
            Query("bank_transactions", frozenset(equal), None, _NEWEST)
            for equal in ((), ("app_user_id",), ("account_id",))
        ),
        # other queries that apps may need of one connection's rows; each costs an index entry per row
        Query("bank_transactions", _OWNED),
        Query("bank_transactions", ranged="date", order=(Order("date"),)),
        Query("bank_transactions", order=(Order("amount_value"),)),
        Query("bank_transactions", order=(Order("amount_value", descending=True),)),
        Query("bank_transactions", frozenset(["pending"])),
        Query("bank_transactions", frozenset(["category.primary"])),
        Query("bank_accounts", _OWNED),
        # rows of products, and their states: of one connection, and over all banks
        *(
            Query(name, _OWNED, everywhere=everywhere)
            for name in (*_PRODUCT_ROWS, "bank_products")
            for everywhere in (False, True)
        ),
        # the latest months of balances
        *(
            Query("bank_balances", _OWNED, ranged, (Order("month", descending=True),), everywhere=True)
            for ranged in (None, "month")
        ),
        Query("bank_balances", order=(Order("month", descending=True),)),
        # the newest transactions of investments: all, or those of one account
        *(
            Query("bank_investment_transactions", _OWNED | narrower, ranged, _NEWEST, everywhere=True)
            for narrower in (frozenset[str](), {"account_id"})
            for ranged in (None, "date")
        ),
        Query("bank_investment_transactions", order=_NEWEST),
        # the archive of one connection, newest first
        Query("bank_archived_transactions", order=_NEWEST),
    ]
)


class MissingIndexError(Exception):
    """The query is not declared here, so production may have no index for it."""


def with_index_check(client: "firestore.Client") -> "firestore.Client":
    """Makes a client refuse undeclared queries with MissingIndexError; for the emulators, which need no index."""
    client._firestore_api_internal = _IndexChecked(client._firestore_api)  # noqa: SLF001 (all queries pass through it)
    return client


class _IndexChecked:
    """The library's `_firestore_api`, which checks each query before it is sent."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def run_query(self, request: Any, **options: Any) -> Any:
        _check(request["structured_query"])
        return self._api.run_query(request=request, **options)

    def run_aggregation_query(self, request: Any, **options: Any) -> Any:
        _check(request["structured_aggregation_query"].structured_query)
        return self._api.run_aggregation_query(request=request, **options)


def _check(structured: Any) -> None:
    raw = structured if not hasattr(type(structured), "pb") else type(structured).pb(structured)
    for shape in Query.all_of(raw):
        if shape not in BACKEND:
            raise MissingIndexError(
                f"{shape} is not declared: add it to {__name__} and its index to firestore.indexes.json"
            )


def _alternatives(where: Any) -> list[list[tuple[str, Any]]]:
    """A filter as a list of alternatives; each is a list of conditions that must all hold."""
    match where.WhichOneof("filter_type"):
        case "field_filter":
            return [[(where.field_filter.field.field_path, where.field_filter.op)]]
        case "unary_filter":  # is null, is not a number: equalities; their negations are not used
            return [[(where.unary_filter.field.field_path, _Operator.EQUAL)]]
        case "composite_filter":
            parts = [_alternatives(part) for part in where.composite_filter.filters]
            if where.composite_filter.op == StructuredQuery.CompositeFilter.Operator.OR:
                return [one for part in parts for one in part]
            return _all_together(parts)
        case _:
            return [[]]


def _all_together(parts: Iterable[list[list[tuple[str, Any]]]]) -> list[list[tuple[str, Any]]]:
    together: list[list[tuple[str, Any]]] = [[]]
    for part in parts:
        together = [[*one, *other] for one in together for other in part]
    return together
