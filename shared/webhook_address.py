"""Where Plaid sends webhooks: WEBHOOK_URL, with a secret in its query that only Plaid and the backend know.

The signature proves that a webhook is authentic; the secret only shows that the sender got the address from the
backend. So a flood of forged webhooks cannot use up the key look-ups that real webhooks need. The secret is optional.
"""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shared.settings import Settings

QUERY_FIELD = "secret"  # a name whose value the log redacts
_LENGTH = 32  # hexadecimal digits


def webhook_address(settings: Settings) -> str | None:
    """WEBHOOK_URL with the secret, which changes with PLAID_SECRET; None without a WEBHOOK_URL. Never log it."""
    if settings.webhook_url is None or (secret := _secret(settings)) is None:
        return settings.webhook_url
    parts = urlsplit(settings.webhook_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), (QUERY_FIELD, secret)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def has_secret(given: str | None, settings: Settings) -> bool:
    """Whether a request's query field has the secret."""
    secret = _secret(settings)
    return secret is not None and hmac.compare_digest((given or "").encode(errors="replace"), secret.encode())


def _secret(settings: Settings) -> str | None:
    """The secret, derived one-way from PLAID_SECRET, so that it is never stored and does not reveal PLAID_SECRET."""
    key = settings.plaid_secret.get_secret_value()
    if not key:
        return None
    text = f"webhook address of {settings.project} in {settings.plaid_env}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:_LENGTH]
