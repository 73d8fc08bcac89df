"""A secret never reveals its value by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict

import main  # noqa: F401 (sets the options of the functions before one is loaded)
from shared.domain.connection import SealedToken
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.log import JsonFormatter
from shared.ports import LinkRequest
from shared.serving.exchange_input import Input
from shared.usecases.linking.exchange_public_token import LinkedItem

VALUE = "a private value"
SECRET = PlaidToken(VALUE, Region.US)


@dataclass
class Holder:
    token: PlaidToken


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    token: PlaidToken


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        "%s" % SECRET,  # noqa: UP031
        repr([SECRET]),
        repr({"token": SECRET}),
        repr(Holder(SECRET)),
        repr(Model(token=SECRET)),
        str(Model(token=SECRET).model_dump()),
        repr(LinkRequest("u", "en", ("US",), access_token=SECRET)),
        json.dumps({"token": SECRET}, default=str),
        repr(LinkedItem(VALUE)),
        repr(Input(public_token=VALUE)),
        repr(SealedToken(ciphertext=VALUE, key_id="k")),
    ],
)
def test_printed_secret_is_redacted(shown: str) -> None:
    assert VALUE not in shown


def test_secret_cannot_be_serialized_pickled_or_copied() -> None:
    with pytest.raises(TypeError):
        json.dumps({"token": SECRET})
    for away in (pickle.dumps, copy.copy, copy.deepcopy):
        for what in (SECRET, [SECRET], Holder(SECRET)):
            if away is copy.copy and what is not SECRET:
                continue  # the copy of a container holds the same secret
            with pytest.raises(TypeError):
                away(what)
    with pytest.raises(Exception, match="serialize") as refused:
        Model(token=SECRET).model_dump_json()
    assert VALUE not in str(refused.value)


def test_secret_has_no_attributes() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)
    assert not [name for name in dir(SECRET) if not name.startswith("_") and name not in ("reveal", "region")]


def test_stack_trace_and_log_line_do_not_show_the_secret() -> None:
    def fails(token: PlaidToken) -> None:
        raise RuntimeError(f"cannot use {token}")

    try:
        fails(SECRET)
    except RuntimeError as error:
        stack = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert "fails" in stack
        assert VALUE not in stack
    record = logging.LogRecord("bank", logging.INFO, "", 0, "event %s", (SECRET,), None)
    record.fields = {"token": SECRET}
    assert VALUE not in JsonFormatter().format(record)


def test_secret_is_equal_to_itself_and_can_be_revealed() -> None:
    assert PlaidToken(VALUE, Region.US).reveal() == VALUE
    assert {SECRET, PlaidToken(VALUE, Region.US)} == {SECRET}
    assert SECRET != VALUE
    assert PlaidToken(VALUE, Region.EU) != SECRET
