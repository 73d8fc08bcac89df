"""The public contract as data: errors, log events, responses. Documents and tests read it; the functions do not."""
