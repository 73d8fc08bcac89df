"""The ports of the functions' workers: none is assigned twice, even to concurrent requests."""

from __future__ import annotations

import json
import subprocess

from emulators.setup import ROOT

ASK = """
const portfinder = require("portfinder");
const asked = Array.from({ length: 20 }, () => portfinder.getPortPromise({ port: 8081 }));
Promise.all(asked).then((ports) => console.log(JSON.stringify(ports)));
process.stdin.on("data", () => process.exit());
"""


def test_stacks_that_start_many_workers_at_once_give_no_port_twice() -> None:
    command = ["node", "--require", "./own-ports.cjs", "-e", ASK]
    asking = [
        subprocess.Popen(command, cwd=ROOT / "emulators", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    given: list[int] = []
    for process in asking:
        assert process.stdout
        given += json.loads(process.stdout.readline())
    for process in asking:
        process.communicate("enough\n", timeout=30)
    assert len(given) == len(set(given)) == 40
