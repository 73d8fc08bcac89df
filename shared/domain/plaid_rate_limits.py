"""How often Plaid may be called; see https://plaid.com/docs/errors/rate-limit-exceeded/."""

SYNC_CALLS_PER_ITEM_AND_MINUTE = 45  # Plaid allows 50
INVESTMENT_CALLS_PER_ITEM_AND_MINUTE = 27  # Plaid allows 30
