"""Storage in Firestore: one module per collection or concern."""
