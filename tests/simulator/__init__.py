"""Tests of the Plaid simulator: what it promises, seen over the wire."""
