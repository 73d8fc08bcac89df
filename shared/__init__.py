"""Rules, stories and adapters of the bank backend; `functions/` holds the triggers that call them."""
