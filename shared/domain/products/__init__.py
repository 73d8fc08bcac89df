"""Bank data beyond transactions: the kinds, their documents, and how an answer changes what is stored. All pure."""
