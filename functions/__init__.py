"""The triggers: one file per deployed function: parse, one call, translate."""
