"""The Auth emulator's API: a validator is compiled when a request first needs it, not at the start."""

from __future__ import annotations

import json
import subprocess

import pytest

from emulators.setup import ROOT
from emulators.stack import PRELOADED

ASK = """
const http = require("node:http");
const { default: Ajv } = require("ajv");
const { middleware } = require("exegesis-express");
let compiled = 0;
const compile = Ajv.prototype.compile;
Ajv.prototype.compile = function counted(...given) {
  compiled += 1;
  return compile.apply(this, given);
};
const parameters = [{ name: "n", in: "query", schema: { type: "integer" } }];
const responses = { 200: { description: "" } };
const operation = { operationId: "get", "x-exegesis-controller": "it", parameters, responses };
const api = { openapi: "3.0.0", info: { title: "", version: "1" }, paths: { "/": { get: operation } } };
const controllers = { it: { get: () => ({}) } };
middleware(api, { controllers, autoHandleHttpErrors: true }).then((serve) => {
  const atFirst = compiled;
  const server = http.createServer(serve).listen(0, "127.0.0.1", async () => {
    const url = `http://127.0.0.1:${server.address().port}/?n=`;
    const answers = [await fetch(`${url}one`), await fetch(`${url}two`), await fetch(`${url}3`)];
    console.log(JSON.stringify({ atFirst, compiled, statuses: answers.map((answer) => answer.status) }));
    process.exit();
  });
});
"""


@pytest.mark.parametrize(("lazy", "at_first"), [(True, 0), (False, 1)])
def test_a_validator_is_compiled_once_by_the_first_request(lazy: bool, at_first: int) -> None:
    loaded = [file for file in PRELOADED if lazy or file.name != "lazy-schemas.cjs"]
    preloaded = [word for file in loaded for word in ("--require", str(file))]
    answer = subprocess.run(
        ["node", *preloaded, "-e", ASK], cwd=ROOT / "emulators", capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(answer.stdout) == {"atFirst": at_first, "compiled": 1, "statuses": [400, 400, 200]}
