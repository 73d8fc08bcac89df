"""Which parts of Link's metadata are usable, whatever an app sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.link_hints import MAX_TEXT, account_hints, institution_hint

NOTHING = dict.fromkeys(("id", "name", "mask", "type", "subtype"))
ODD = [
    None,
    True,
    7,
    1.5,
    [],
    {},
    ["Daily"],
    {"name": "Daily"},
    "\ud800",
    "Daily\udfff",
    "",
    "x" * (MAX_TEXT + 1),
    "🎂" * 512,
]


def test_metadata_of_link_is_used() -> None:
    given = {"id": "a", "name": "Plaid Checking", "mask": "0000", "type": "depository", "subtype": "checking"}
    assert account_hints([given | {"verification_status": None}]) == [given]
    assert institution_hint({"institution_id": "ins_109508", "name": "First Platypus Bank", "x": 1}) == {
        "institution_id": "ins_109508",
        "name": "First Platypus Bank",
    }


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_name_is_no_name(odd: Any) -> None:
    assert account_hints([{"id": "a", "name": odd, "mask": "1"}]) == [{**NOTHING, "id": "a", "mask": "1"}]


@pytest.mark.parametrize("odd", [one for one in ODD if one is not None])
def test_account_with_an_invalid_mask_is_not_treated_as_one_without_a_mask(odd: Any) -> None:
    assert account_hints([{"id": "a", "name": "Daily", "mask": odd}]) == [{**NOTHING, "id": "a"}]
    assert account_hints([{"id": "a", "name": "Daily", "mask": None}]) == [{**NOTHING, "id": "a", "name": "Daily"}]


@pytest.mark.parametrize("odd", [*ODD, "ins/1", "ins 1", "ins\n1", "ins\x001", "ins_é", "i" * 65, "../ins_1"])
def test_an_odd_institution_id_is_none(odd: Any) -> None:
    assert institution_hint({"institution_id": odd, "name": "Bank"}) == {"institution_id": None, "name": "Bank"}


@pytest.mark.parametrize("odd", ["ins_1", 7, ["ins_1"], None, True])
def test_value_that_is_no_object_is_ignored(odd: Any) -> None:
    assert institution_hint(odd) is None
    assert account_hints([odd]) == [NOTHING]


@pytest.mark.parametrize("odd", [None, "Daily", 7, {}, {"0": {"name": "Daily"}}])
def test_value_that_is_no_list_has_no_accounts(odd: Any) -> None:
    assert account_hints(odd) is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)), st.lists
) | st.dictionaries(st.sampled_from(["id", "name", "mask", "institution_id"]), st.text(st.characters(codec=None)))


@given(JSON, st.lists(JSON, max_size=4))
def test_any_json_value_is_accepted_and_every_account_is_kept(one: Any, many: list[Any]) -> None:
    institution_hint(one)
    hints = account_hints(many)
    assert hints is not None
    assert len(hints) == len(many)
    json.dumps(hints, ensure_ascii=False).encode()
