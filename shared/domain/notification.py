"""Notifications to the user about a connection, one per event, in the user's language."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared.domain.locales import Locale, isolated


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


class Notification(BaseModel):
    """A document under the user. `notification_id` is derived from the event, so writing one twice is idempotent."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    notification_id: str
    kind: NotificationKind
    connection_id: str
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None = None


# Title and body by language; to add a language, add one entry to each kind. `{bank}` is the institution's name.
TEXTS: dict[NotificationKind, dict[str, tuple[str, str]]] = {
    NotificationKind.NEEDS_REPAIR: {
        "en": ("{bank} needs your attention", "Reconnect {bank} to keep receiving new transactions."),
        "es": ("{bank} necesita tu atención", "Vuelve a conectar {bank} para seguir recibiendo tus movimientos."),
        "fr": (
            "{bank}\u00a0: votre intervention est nécessaire",
            "Identifiez-vous de nouveau auprès de {bank} pour continuer à recevoir vos opérations.",
        ),
        "de": (
            "{bank} braucht Ihre Aufmerksamkeit",
            "Verbinden Sie {bank} erneut, um weiterhin neue Umsätze zu erhalten.",
        ),
    },
    NotificationKind.NEEDS_RELINK: {
        "en": ("{bank} is disconnected", "This connection no longer works. Connect {bank} again to continue."),
        "es": ("{bank} está desconectado", "Esta conexión ya no funciona. Vuelve a conectar {bank} para continuar."),
        "fr": (
            "La connexion à {bank} est interrompue",
            "Cette connexion ne fonctionne plus. Connectez de nouveau {bank} pour continuer.",
        ),
        "de": (
            "{bank} ist getrennt",
            "Diese Verbindung funktioniert nicht mehr. Verbinden Sie {bank} neu, um fortzufahren.",
        ),
    },
    NotificationKind.REPAIRED: {
        "en": ("{bank} is working again", "{bank} is reconnected. New transactions are on their way."),
        "es": ("{bank} vuelve a funcionar", "{bank} está conectado de nuevo. Pronto verás tus movimientos nuevos."),
        "fr": (
            "{bank} fonctionne de nouveau",
            "La connexion à {bank} est rétablie. Vos nouvelles opérations arrivent.",
        ),
        "de": ("{bank} funktioniert wieder", "{bank} ist wieder verbunden. Ihre neuen Umsätze sind unterwegs."),
    },
    NotificationKind.RENEWED: {
        "en": ("{bank} stays connected", "Your connection to {bank} has been renewed. You're all set."),
        "es": ("{bank} sigue conectado", "Tu conexión con {bank} se ha renovado. No tienes que hacer nada más."),
        "fr": (
            "Connexion à {bank} renouvelée",
            "Votre connexion à {bank} a été renouvelée. Vous n’avez rien d’autre à faire.",
        ),
        "de": ("{bank} bleibt verbunden", "Ihre Verbindung wurde erneuert. Sie müssen nichts weiter tun."),
    },
    NotificationKind.EXPIRING: {
        "en": ("Renew your access to {bank}", "Your consent expires on {day}. Renew it to keep {bank} connected."),
        "es": (
            "Renueva el acceso a {bank}",
            "Tu consentimiento caduca el {day}. Renuévalo para mantener {bank} conectado.",
        ),
        "fr": (
            "Renouvelez l’accès à {bank}",
            "Votre consentement expire le {day}. Renouvelez-le pour maintenir la connexion à {bank}.",
        ),
        "de": (
            "{bank}: Zugriff erneuern",
            "Ihre Einwilligung läuft am {day} ab. Erneuern Sie sie, damit {bank} verbunden bleibt.",
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
        "fr": (
            "La connexion à {bank} prendra bientôt fin",
            "{bank} change de mode de connexion. Identifiez-vous de nouveau pour maintenir la connexion.",
        ),
        "de": (
            "{bank} wird bald getrennt",
            "{bank} stellt die Art der Verbindung um. Melden Sie sich erneut an, um verbunden zu bleiben.",
        ),
    },
    NotificationKind.NEW_ACCOUNTS: {
        "en": (
            "New accounts at {bank}",
            "You have accounts at {bank} that you don't share yet. Would you like to add them?",
        ),
        "es": ("Cuentas nuevas en {bank}", "Tienes cuentas en {bank} que aún no compartes. ¿Quieres añadirlas?"),
        "fr": (
            "Nouveaux comptes chez {bank}",
            "Vous avez chez {bank} des comptes que vous ne partagez pas encore. Souhaitez-vous les ajouter\u00a0?",
        ),
        "de": (
            "{bank}: neue Konten",
            "{bank} hat Konten, die Sie noch nicht freigegeben haben. Möchten Sie sie hinzufügen?",
        ),
    },
    NotificationKind.REVOKED: {
        "en": ("{bank} was disconnected", "You withdrew your permission, so we deleted your data from {bank}."),
        "es": ("{bank} se ha desconectado", "Retiraste tu permiso, así que hemos eliminado tus datos de {bank}."),
        "fr": (
            "La connexion à {bank} a pris fin",
            "Vous avez retiré votre autorisation\u00a0; nous avons donc supprimé vos données.",
        ),
        "de": (
            "{bank} wurde getrennt",
            "Sie haben Ihre Einwilligung widerrufen. Deshalb haben wir Ihre Daten gelöscht.",
        ),
    },
    NotificationKind.ACCOUNT_REVOKED: {
        "en": ("An account at {bank} was removed", "You withdrew your permission, so we deleted the account's data."),
        "es": (
            "Se ha quitado una cuenta de {bank}",
            "Retiraste tu permiso, así que hemos eliminado los datos de la cuenta.",
        ),
        "fr": (
            "Un compte chez {bank} a été retiré",
            "Vous avez retiré votre autorisation\u00a0; nous avons donc supprimé les données du compte.",
        ),
        "de": (
            "{bank}: Konto entfernt",
            "Sie haben Ihre Einwilligung widerrufen. Deshalb haben wir die Daten des Kontos gelöscht.",
        ),
    },
    NotificationKind.FIRST_SYNC_DONE: {
        "en": ("{bank} is connected", "All your transactions from {bank} are here."),
        "es": ("{bank} está conectado", "Ya tienes aquí todos tus movimientos de {bank}."),
        "fr": ("Connexion à {bank} établie", "Toutes vos opérations chez {bank} sont là."),
        "de": ("{bank} ist verbunden", "Alle Ihre Umsätze sind da."),
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
        "fr": (
            "Vos opérations plus anciennes ont du retard",
            "{bank} n’a pas encore transmis tout l’historique. Nous vérifions quatre fois par jour et vous avertirons.",
        ),
        "de": (
            "Ältere Umsätze verzögern sich",
            "{bank} hat noch nicht alle Umsätze gesendet. Wir prüfen das viermal am Tag und geben Ihnen Bescheid.",
        ),
    },
    NotificationKind.LINK_AGAIN: {
        "en": (
            "We couldn't connect your bank",
            "Something went wrong, and nothing was saved. Please connect it again.",
        ),
        "es": ("No pudimos conectar tu banco", "Algo salió mal y no se guardó nada. Vuelve a conectarlo, por favor."),
        "fr": (
            "Nous n’avons pas pu connecter votre banque",
            "Un problème est survenu et rien n’a été enregistré. Veuillez la connecter de nouveau.",
        ),
        "de": (
            "Wir konnten Ihre Bank nicht verbinden",
            "Etwas ist schiefgelaufen, und es wurde nichts gespeichert. Bitte verbinden Sie sie noch einmal.",
        ),
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
        "fr": (
            "{bank}\u00a0: vos notes ont été transférées",
            "La nouvelle connexion remplace l’ancienne. Notes transférées\u00a0: {moved}, archivées\u00a0: {archived}.",
        ),
        "de": (
            "{bank}: Ihre Notizen wurden übernommen",
            "Ihre neue Verbindung ersetzt die alte. Übernommene Notizen: {moved}. Notizen im Archiv: {archived}.",
        ),
    },
    NotificationKind.NOTE_KEPT: {
        "en": ("A transaction was removed", "{bank} removed {label}. We saved your notes: {notes}"),
        "es": ("Se ha eliminado un movimiento", "{bank} eliminó {label}. Hemos guardado tus notas: {notes}"),
        "fr": (
            "Une opération a été supprimée",
            "{bank} a supprimé {label}. Nous avons conservé vos notes\u00a0: {notes}",
        ),
        "de": ("Ein Umsatz wurde entfernt", "{bank} hat {label} entfernt. Wir haben Ihre Notizen aufbewahrt: {notes}"),
    },
}

A_BANK = {"en": "Your bank", "es": "Tu banco", "fr": "Votre banque", "de": "Ihre Bank"}


def notification(
    kind: NotificationKind,
    *,
    event_id: str,
    connection_id: str,
    bank: str | None,
    language: object,
    now: datetime,
    **words: str | int | date | tuple[str, ...],
) -> Notification:
    """The notification of an event, in the user's language.

    Args:
        kind: The event's kind.
        event_id: Identifies the event among those of its kind: a repeated event has the same notification.
        connection_id: The connection that the event is about.
        bank: The institution's name, if it is known.
        language: What the user's profile says, such as "fr-CA"; English if there are no texts in it.
        now: The present.
        words: The text's other placeholders. Numbers and days are written as the user's region writes them.
    """
    reader = Locale.of(language)
    title, body = TEXTS[kind][reader.language]
    named = {"bank": bank or A_BANK[reader.language], **words}
    shown = {name: _shown(word, reader) for name, word in named.items()}
    return Notification(
        notification_id=f"{kind}-{event_id}",
        kind=kind,
        connection_id=connection_id,
        title=title.format(**shown),
        body=body.format(**shown),
        created_at=now,
    )


def _shown(word: str | int | date | tuple[str, ...], reader: Locale) -> str:
    match word:
        case str():
            return isolated(word)
        case int():
            return reader.number(word)
        case date():
            return reader.day(word)
        case _:
            return " · ".join(map(isolated, word))
