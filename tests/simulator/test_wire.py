"""JSON on the wire keeps the digits of numbers; values without such numbers take a faster way, with the same result."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from emulators.plaid import wire

PLAIN: dict[str, Any] = {"text": 'é "quoted"', "yes": True, "no": None, "whole": 3, "share": 0.1, "list": [1, (2,)]}
WRITTEN = rb'"text":"\u00e9 \"quoted\"","yes":true,"no":null,"whole":3,"share":0.1,"list":[1,[2]]'


def test_an_answer_reads_the_same_with_and_without_exact_numbers() -> None:
    assert wire.dumps(PLAIN) == b"{" + WRITTEN + b"}"
    assert wire.dumps({**PLAIN, "amount": Decimal("1.50")}) == b"{" + WRITTEN + b',"amount":1.50}'


def test_written_json_stays_as_it_is() -> None:
    assert wire.dumps({"rows": wire.array([b'{"a":1.0}', b"2"])}) == b'{"rows":[{"a":1.0},2]}'


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, [Decimal("1.50"), float("nan")], Decimal("NaN")])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"JSON"):
        wire.dumps(value)
