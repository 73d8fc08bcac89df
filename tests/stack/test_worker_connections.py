"""The emulators' connections to the functions' workers: none is used twice, as a worker may close an idle one."""

from __future__ import annotations

import json
import subprocess

from emulators.setup import ROOT
from emulators.stack import PRELOADED

ASK = """
const http = require("node:http");
const { TCPConn } = require("firebase-tools/lib/emulator/functionsEmulator.js");
const used = new Set();
const worker = http.createServer((request, response) => {
  if (used.has(request.socket)) request.socket.destroy(); // closed as idle just when the request arrives
  used.add(request.socket);
  response.end();
});
const ask = () => new Promise((resolve) => {
  const connection = new TCPConn("127.0.0.1", worker.address().port).httpReqOpts();
  const request = http.request({ ...connection, headers: { connection: "keep-alive" } }, (response) => {
    response.resume().on("end", () => setImmediate(resolve, response.statusCode));
  });
  request.on("error", (error) => resolve(error.message)).end();
});
worker.listen(0, "127.0.0.1", async () => {
  console.log(JSON.stringify([await ask(), await ask(), await ask()]));
  process.exit();
});
"""


def test_a_request_does_not_fail_because_the_worker_closes_an_idle_connection() -> None:
    preloaded = [word for file in PRELOADED for word in ("--require", str(file))]
    answer = subprocess.run(
        ["node", *preloaded, "-e", ASK], cwd=ROOT / "emulators", capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(answer.stdout) == [200, 200, 200]
