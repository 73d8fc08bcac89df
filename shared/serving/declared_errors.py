"""The error codes that all HTTP functions of a kind may return; a Route adds those of its function.

docs/errors.md and the OpenAPI document are generated from these declarations. The tests of the functions fail if a
function returns a code that it does not declare.
"""

INTERNAL_ERRORS = ("not_storable", "internal")
"""Errors of every guard."""

BODY_ERRORS = ("body_not_json", "body_not_an_object", "body_too_large")
"""Errors of every function that reads a JSON body."""

INPUT_ERRORS = (*BODY_ERRORS, "invalid_input", "unexpected_query", "method_not_allowed", "path_not_found")
"""Errors of every function with an input."""

AUTHENTICATION_ERRORS = (
    "id_token_missing",
    "id_token_invalid",
    "id_token_expired",
    "id_token_revoked",
    "user_disabled",
    "uid_unusable",
    "app_check_missing",
    "app_check_invalid",
    "app_check_unavailable",
    "auth_unavailable",
)
RATE_LIMIT_ERRORS = ("rate_limited", "limits_busy")
STORE_ERRORS = ("store_unavailable",)

AUTHENTICATED_ERRORS = (*INPUT_ERRORS, *AUTHENTICATION_ERRORS, *RATE_LIMIT_ERRORS, *STORE_ERRORS, *INTERNAL_ERRORS)
"""Errors of every function for signed-in users."""

PLAID_ERRORS = ("bank_unavailable", "user_action_required", "connection_unusable", "backend_misconfigured")
"""Errors of every function that passes on Plaid's errors: one code per error class."""
