"""The client library without a browser: what an expression over one of its files answers."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from emulators.setup import ROOT

# Vite comes with the app, and knows how its TypeScript is run.
RUN = """
import { runnerImport } from "vite";
const [file, expression] = process.argv.slice(1);
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
const { module } = await runnerImport(`/src/bank/${file}`, { logLevel: "error" });
const answer = await new Function(...Object.keys(module), `return ${expression}`)(...Object.values(module));
process.stdout.write(JSON.stringify(answer) ?? "null");
"""


def answer(file: str, expression: str) -> Any:
    """Runs a JavaScript expression in which everything that the file exports has its name."""
    command = ["node", "--input-type=module", "-e", RUN, file, expression]
    done = subprocess.run(command, cwd=ROOT / "web", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
