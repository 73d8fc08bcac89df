"""Parses Plaid's responses: numbers as Decimal from the original text, and no lone surrogates.

JSON may contain values that Python's parser refuses or needs minutes for: numbers of thousands of digits, huge
exponents, and values nested thousands of levels deep (https://www.rfc-editor.org/rfc/rfc8259#section-9).
A response with such a value is parsed again without it.
"""

import functools
import json
import re
from decimal import Decimal
from typing import Any

MAX_DEPTH = 100  # at the second attempt; the store accepts 20 levels
MAX_DIGITS = 1_000  # of a number, at the second attempt
NOT_A_NUMBER = float("nan")

_parse = functools.partial(json.loads, parse_float=Decimal)
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # escaped surrogates: alone they are valid JSON, but not storable
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse(raw: bytes) -> Any:
    """Parses a response.

    Raises:
        ValueError: The response is not JSON.
    """
    text = raw.decode(errors="replace")
    try:
        answer = _parse(text)
    except (ValueError, ArithmeticError, RecursionError):
        return _whole(_patient(text))
    if not _HALVES.search(raw):
        return answer
    try:
        return _whole(answer)
    except RecursionError:
        return _whole(_patient(text))


def _patient(text: str) -> Any:
    return json.loads(_shallow(text), parse_float=_decimal, parse_int=_int)


def _decimal(digits: str) -> Decimal | float:
    try:
        return Decimal(digits) if len(digits) <= MAX_DIGITS else NOT_A_NUMBER
    except ArithmeticError:
        return NOT_A_NUMBER


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else NOT_A_NUMBER


def _shallow(text: str) -> str:
    """The text with null in place of every value that is nested too deeply."""
    kept: list[str] = []
    depth = begins = ends = 0
    for token in _TOKENS.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
                if depth == MAX_DEPTH + 1:
                    begins = token.start()
            case "]" | "}":
                depth -= 1
                if depth == MAX_DEPTH:
                    kept += [text[ends:begins], "null"]
                    ends = token.end()
    return "".join([*kept, text[ends:]])


def _whole(value: Any) -> Any:
    """The value with replacement characters in place of lone surrogates."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_whole(name): _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value
