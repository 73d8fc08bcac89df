"""What a user is told about a connection, once per event, in their language."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

DEFAULT_LANGUAGE = "en"


class NotificationKind(StrEnum):
    """The events that users are told of."""

    NEEDS_REPAIR = "needs_repair"
    NEEDS_RELINK = "needs_relink"
    REPAIRED = "repaired"
    RENEWED = "renewed"  # what was going to end does not
    EXPIRING = "expiring"
    DISCONNECTING = "disconnecting"
    NEW_ACCOUNTS = "new_accounts"
    REVOKED = "revoked"
    ACCOUNT_REVOKED = "account_revoked"
    FIRST_SYNC_DONE = "first_sync_done"
    HISTORY_LATE = "history_late"
    LINK_AGAIN = "link_again"  # a link was broken off half-way, and nothing of it could be kept
    NOTE_KEPT = "note_kept"  # a transaction went away that the user had written on


class Notification(BaseModel):
    """A document under the user; `notification_id` is made from the event, so that telling twice tells once."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    notification_id: str
    kind: NotificationKind
    connection_id: str
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None = None


MAX_LABEL = 200  # characters of what names a transaction: a bank's name for one may be as long as a document

# Title and body by language; another language is one more entry in each. `{bank}` is the institution's name.
TEXTS: dict[NotificationKind, dict[str, tuple[str, str]]] = {
    NotificationKind.NEEDS_REPAIR: {
        "en": ("{bank} needs you", "{bank} asks you to log in again. Until then nothing new arrives."),
        "es": (
            "{bank} te necesita",
            "{bank} te pide iniciar sesión otra vez. Hasta entonces no llega nada.",
        ),
    },
    NotificationKind.NEEDS_RELINK: {
        "en": ("{bank} is disconnected", "This connection cannot be used any more. Link {bank} again to go on."),
        "es": ("{bank} está desconectado", "Esta conexión ya no se puede usar. Vuelve a vincular {bank} para seguir."),
    },
    NotificationKind.REPAIRED: {
        "en": ("{bank} works again", "The connection to {bank} was repaired. New transactions are on their way."),
        "es": ("{bank} vuelve a funcionar", "La conexión con {bank} se reparó. Ya llegan los movimientos nuevos."),
    },
    NotificationKind.RENEWED: {
        "en": ("{bank} stays connected", "The connection to {bank} was renewed. There is nothing left for you to do."),
        "es": ("{bank} sigue conectado", "La conexión con {bank} se renovó. No tienes que hacer nada más."),
    },
    NotificationKind.EXPIRING: {
        "en": ("Renew your consent for {bank}", "Your consent ends on {day}. Renew it so that {bank} stays connected."),
        "es": (
            "Renueva tu permiso para {bank}",
            "Tu permiso termina el {day}. Renuévalo para que {bank} siga conectado.",
        ),
    },
    NotificationKind.DISCONNECTING: {
        "en": (
            "{bank} will be disconnected",
            "{bank} changes how it connects. Log in again to keep it connected.",
        ),
        "es": (
            "{bank} se va a desconectar",
            "{bank} cambia su forma de conectarse. Vuelve a iniciar sesión para que siga conectado.",
        ),
    },
    NotificationKind.NEW_ACCOUNTS: {
        "en": ("New accounts at {bank}", "{bank} has accounts that you have not shared yet. You can add them."),
        "es": ("Cuentas nuevas en {bank}", "{bank} tiene cuentas que aún no has compartido. Puedes añadirlas."),
    },
    NotificationKind.REVOKED: {
        "en": ("{bank} was disconnected", "You took the permission away, so the data of {bank} was deleted here."),
        "es": ("{bank} se desconectó", "Retiraste el permiso, así que los datos de {bank} se borraron aquí."),
    },
    NotificationKind.ACCOUNT_REVOKED: {
        "en": ("An account at {bank} was removed", "You took the permission away, so the account's data was deleted."),
        "es": ("Se quitó una cuenta de {bank}", "Retiraste el permiso, así que los datos de la cuenta se borraron."),
    },
    NotificationKind.FIRST_SYNC_DONE: {
        "en": ("{bank} is connected", "All your transactions at {bank} have arrived."),
        "es": ("{bank} está conectado", "Todos tus movimientos de {bank} han llegado."),
    },
    NotificationKind.HISTORY_LATE: {
        "en": (
            "Older transactions are late",
            "{bank} has not delivered your whole history yet. We check four times a day and tell you when it is here.",
        ),
        "es": (
            "Faltan movimientos antiguos",
            "{bank} aún no ha entregado todo tu historial. Lo comprobamos cuatro veces al día y te avisaremos.",
        ),
    },
    NotificationKind.LINK_AGAIN: {
        "en": ("Connecting a bank did not work", "It broke off half-way, and nothing was kept. Please link it again."),
        "es": ("No se pudo conectar un banco", "Se interrumpió a medias y no se guardó nada. Vuelve a vincularlo."),
    },
    NotificationKind.NOTE_KEPT: {
        "en": ("A transaction disappeared", "{bank} took back {label}. You had written: {notes}"),
        "es": ("Desapareció un movimiento", "{bank} retiró {label}. Habías escrito: {notes}"),
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
    """What the user is told.

    Args:
        kind: The event's kind.
        event_id: Names the event among those of its kind: told twice with the same one, it is told once.
        connection_id: What it is about.
        bank: The institution's name, if it is known.
        language: The user's, as two letters; English where there is no text in it.
        now: The present.
        words: What the text names besides.
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
    """The bank took a transaction back: what the user wrote on it is not lost with it. None if that is nothing."""
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
    """A name for an event whose own is too long: a document's name has at most 1,500 bytes."""
    return hashlib.sha256(event_id.encode()).hexdigest()
