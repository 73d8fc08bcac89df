"""The shape of an entry of the error catalogue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of the error catalogue.

    Attributes:
        code: The backend's own stable code, in `details.code`.
        status: The canonical status.
        http: The HTTP status that belongs to the canonical status.
        when: When the error occurs.
        app: What the app should do.
        operators_only: Only operators' commands report the error; no HTTP function returns it.
    """

    code: str
    status: str
    http: int
    when: str
    app: str
    operators_only: bool = False
