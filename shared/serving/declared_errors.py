"""The error codes that every HTTP function of a kind may answer; a Route adds its function's own.

docs/errors.md and the OpenAPI document are written from these declarations. The tests of the functions fail when a
function answers a code that it does not declare.
"""

INTERNAL_ERRORS = ("not_storable", "internal")
"""Of every guard."""

BODY_ERRORS = ("body_not_json", "body_not_an_object", "body_too_large")
"""Of every function that reads a JSON body."""

INPUT_ERRORS = (*BODY_ERRORS, "invalid_input", "unexpected_query", "method_not_allowed", "path_not_found")
"""Of every function that takes an input."""

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
"""Of every function for signed-in users."""

PLAID_ERRORS = ("bank_unavailable", "user_action_required", "connection_unusable", "backend_misconfigured")
"""Of every function that passes on errors of Plaid: one code for each class of them."""
