"""The title and the body, by language, of notifications of a bank's outage."""

DOWN: dict[str, tuple[str, str]] = {
    "en": (
        "{bank} has an outage",
        "New data is delayed. There is nothing for you to do: we check often and will tell you when it is back.",
    ),
    "es": (
        "{bank} tiene una avería",
        "Los datos nuevos llegarán tarde. No tienes que hacer nada: te avisaremos cuando vuelva a funcionar.",
    ),
    "fr": (
        "{bank} est en panne",
        "Les nouvelles données arriveront en retard. Vous n’avez rien à faire\u00a0: nous vous préviendrons.",
    ),
    "de": (
        "{bank} hat eine Störung",
        "Neue Daten kommen später. Sie müssen nichts tun: Wir sagen Ihnen Bescheid, sobald es wieder geht.",
    ),
}

BACK: dict[str, tuple[str, str]] = {
    "en": ("{bank} is back", "The outage is over. Your data from {bank} is arriving again."),
    "es": ("{bank} vuelve a funcionar", "La avería ha terminado. Vuelven a llegar tus datos de {bank}."),
    "fr": (
        "{bank} fonctionne à nouveau",
        "La panne est terminée. Les données arrivent à nouveau\u00a0: {bank}.",
    ),
    "de": ("{bank} funktioniert wieder", "Die Störung ist vorbei. Ihre Daten kommen wieder an: {bank}."),
}
