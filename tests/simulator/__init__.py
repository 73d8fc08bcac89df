"""Tests of the Plaid simulator's behaviour over the wire."""
