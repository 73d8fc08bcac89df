"""Notifications to the user about a connection, one per event, in the user's language."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

DEFAULT_LANGUAGE = "en"


class NotificationKind(StrEnum):
    """The events that users are notified of."""

    NEEDS_REPAIR = "needs_repair"
    NEEDS_RELINK = "needs_relink"
    REPAIRED = "repaired"
    RENEWED = "renewed"  # consent or connection that was about to end
    EXPIRING = "expiring"
    DISCONNECTING = "disconnecting"
    NEW_ACCOUNTS = "new_accounts"
    REVOKED = "revoked"
    ACCOUNT_REVOKED = "account_revoked"
    FIRST_SYNC_DONE = "first_sync_done"
    HISTORY_LATE = "history_late"
    LINK_AGAIN = "link_again"  # linking failed half-way, and nothing could be saved
    HISTORY_MOVED = "history_moved"  # a new connection has replaced an old one, with its notes
    NOTE_KEPT = "note_kept"  # the bank removed a transaction that has notes of the user
    BANK_DOWN = "bank_down"  # the bank has an outage that matters to the user
    BANK_BACK = "bank_back"  # that outage is over


class Notification(BaseModel):
    """A document under the user. `notification_id` is derived from the event, so writing one twice is idempotent.

    `outage_id` is only set in a `bank_down`, and only until its user gets the `bank_back` of that outage.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    notification_id: str
    kind: NotificationKind
    connection_id: str
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None = None
    outage_id: str | None = None


MAX_LABEL = 200  # characters of a transaction's name: a bank may send one as long as a document

# Title and body by language; to add a language, add one entry to each kind. `{bank}` is the institution's name.
TEXTS: dict[NotificationKind, dict[str, tuple[str, str]]] = {
    NotificationKind.NEEDS_REPAIR: {
        "en": ("{bank} needs your attention", "Reconnect {bank} to keep receiving new transactions."),
        "es": ("{bank} necesita tu atención", "Vuelve a conectar {bank} para seguir recibiendo tus movimientos."),
    },
    NotificationKind.NEEDS_RELINK: {
        "en": ("{bank} is disconnected", "This connection no longer works. Connect {bank} again to continue."),
        "es": ("{bank} está desconectado", "Esta conexión ya no funciona. Vuelve a conectar {bank} para continuar."),
    },
    NotificationKind.REPAIRED: {
        "en": ("{bank} is working again", "{bank} is reconnected. New transactions are on their way."),
        "es": ("{bank} vuelve a funcionar", "{bank} está conectado de nuevo. Pronto verás tus movimientos nuevos."),
    },
    NotificationKind.RENEWED: {
        "en": ("{bank} stays connected", "Your connection to {bank} has been renewed. You're all set."),
        "es": ("{bank} sigue conectado", "Tu conexión con {bank} se ha renovado. No tienes que hacer nada más."),
    },
    NotificationKind.EXPIRING: {
        "en": ("Renew your access to {bank}", "Your consent expires on {day}. Renew it to keep {bank} connected."),
        "es": (
            "Renueva el acceso a {bank}",
            "Tu consentimiento caduca el {day}. Renuévalo para mantener {bank} conectado.",
        ),
    },
    NotificationKind.DISCONNECTING: {
        "en": (
            "{bank} will be disconnected soon",
            "{bank} is changing how it connects. Log in again to stay connected.",
        ),
        "es": (
            "{bank} se desconectará pronto",
            "{bank} está cambiando su forma de conexión. Inicia sesión otra vez para seguir conectado.",
        ),
    },
    NotificationKind.NEW_ACCOUNTS: {
        "en": (
            "New accounts at {bank}",
            "You have accounts at {bank} that you don't share yet. Would you like to add them?",
        ),
        "es": ("Cuentas nuevas en {bank}", "Tienes cuentas en {bank} que aún no compartes. ¿Quieres añadirlas?"),
    },
    NotificationKind.REVOKED: {
        "en": ("{bank} was disconnected", "You withdrew your permission, so we deleted your data from {bank}."),
        "es": ("{bank} se ha desconectado", "Retiraste tu permiso, así que hemos eliminado tus datos de {bank}."),
    },
    NotificationKind.ACCOUNT_REVOKED: {
        "en": ("An account at {bank} was removed", "You withdrew your permission, so we deleted the account's data."),
        "es": (
            "Se ha quitado una cuenta de {bank}",
            "Retiraste tu permiso, así que hemos eliminado los datos de la cuenta.",
        ),
    },
    NotificationKind.FIRST_SYNC_DONE: {
        "en": ("{bank} is connected", "All your transactions from {bank} are here."),
        "es": ("{bank} está conectado", "Ya tienes aquí todos tus movimientos de {bank}."),
    },
    NotificationKind.HISTORY_LATE: {
        "en": (
            "Older transactions are delayed",
            "{bank} hasn't sent your full history yet. We check four times a day and will tell you when it arrives.",
        ),
        "es": (
            "Tus movimientos antiguos se retrasan",
            "{bank} aún no ha enviado todo tu historial. Lo comprobamos cuatro veces al día y te avisaremos.",
        ),
    },
    NotificationKind.LINK_AGAIN: {
        "en": (
            "We couldn't connect your bank",
            "Something went wrong, and nothing was saved. Please connect it again.",
        ),
        "es": ("No pudimos conectar tu banco", "Algo salió mal y no se guardó nada. Vuelve a conectarlo, por favor."),
    },
    NotificationKind.HISTORY_MOVED: {
        "en": (
            "{bank}: your notes have moved",
            "Your new connection replaces the old one. Notes moved: {moved}. Notes in the archive: {archived}.",
        ),
        "es": (
            "{bank}: hemos trasladado tus notas",
            "Tu nueva conexión sustituye a la anterior. Notas trasladadas: {moved}. Notas en el archivo: {archived}.",
        ),
    },
    NotificationKind.NOTE_KEPT: {
        "en": ("A transaction was removed", "{bank} removed {label}. We saved your notes: {notes}"),
        "es": ("Se ha eliminado un movimiento", "{bank} eliminó {label}. Hemos guardado tus notas: {notes}"),
    },
    NotificationKind.BANK_DOWN: {
        "en": (
            "{bank} has an outage",
            "New data is delayed. There is nothing for you to do: we check often and will tell you when it is back.",
        ),
        "es": (
            "{bank} tiene una avería",
            "Los datos nuevos llegarán tarde. No tienes que hacer nada: te avisaremos cuando vuelva a funcionar.",
        ),
    },
    NotificationKind.BANK_BACK: {
        "en": ("{bank} is back", "The outage is over. Your data from {bank} is arriving again."),
        "es": ("{bank} vuelve a funcionar", "La avería ha terminado. Vuelven a llegar tus datos de {bank}."),
    },
}

_A_BANK = {"en": "Your bank", "es": "Tu banco"}


def notification(
    kind: NotificationKind,
    *,
    event_id: str,
    connection_id: str,
    bank: str | None,
    language: str | None,
    now: datetime,
    **words: str,
) -> Notification:
    """The notification of an event, in the user's language.

    Args:
        kind: The event's kind.
        event_id: Identifies the event among those of its kind: a repeated event has the same notification.
        connection_id: The connection that the event is about.
        bank: The institution's name, if it is known.
        language: The user's, as two letters; English if there are no texts in it.
        now: The present.
        words: The text's other placeholders.
    """
    spoken = language if language in TEXTS[kind] else DEFAULT_LANGUAGE
    title, body = TEXTS[kind][spoken]
    named = {"bank": bank or _A_BANK[spoken], **words}
    return Notification(
        notification_id=f"{kind}-{event_id}",
        kind=kind,
        connection_id=connection_id,
        title=title.format(**named),
        body=body.format(**named),
        created_at=now,
    )


def note_kept(
    *,
    connection_id: str,
    transaction_id: str,
    label: str,
    notes: dict[str, Any],
    bank: str | None = None,
    language: str | None = None,
    now: datetime,
) -> Notification | None:
    """Saves the user's notes on a transaction that the bank removed; None if there are no notes."""
    written = [str(notes[name]) for name in ("note", "category") if notes.get(name)]
    if isinstance(tags := notes.get("tags"), list):
        written += [f"#{tag}" for tag in tags]
    if not written:
        return None
    return notification(
        NotificationKind.NOTE_KEPT,
        event_id=transaction_id if len(transaction_id) <= MAX_LABEL else _hashed(transaction_id),
        connection_id=connection_id,
        bank=bank,
        language=language,
        now=now,
        label=label[:MAX_LABEL],
        notes=" · ".join(written),
    )


def _hashed(event_id: str) -> str:
    """A short id for an event whose own id is too long: a document id has at most 1,500 bytes."""
    return hashlib.sha256(event_id.encode()).hexdigest()
