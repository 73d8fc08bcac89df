"""A secret shows itself to nobody."""

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
from shared.domain.secret import Secret
from shared.log import JsonFormatter
from shared.ports import LinkRequest
from shared.serving.exchange_input import Input
from shared.usecases.linking.exchange_public_token import LinkedItem

VALUE = "a value that is nobody's business"
SECRET = Secret(VALUE)


@dataclass
class Holder:
    token: Secret


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    token: Secret


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
def test_nothing_that_prints_it_shows_it(shown: str) -> None:
    assert VALUE not in shown


def test_it_is_not_put_into_json_nor_pickled_nor_copied() -> None:
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


def test_it_has_no_attributes_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)
    assert not [name for name in dir(SECRET) if not name.startswith("_") and name != "reveal"]


def test_a_stack_and_a_log_line_show_nothing_of_it() -> None:
    def fails(token: Secret) -> None:
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


def test_it_is_equal_to_itself_and_reveals_itself_where_it_is_used() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert {SECRET, Secret(VALUE)} == {SECRET}
    assert SECRET != VALUE
