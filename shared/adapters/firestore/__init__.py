"""Everything that is stored in Firestore, a module per collection or concern."""
