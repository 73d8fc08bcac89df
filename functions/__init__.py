"""The deployed functions, one module each: parse the input, call one use case, translate the result."""
