"""The local stack: Firebase emulators, Plaid simulator, and the commands that run them."""
