"""Evaluates expressions against a module of the client library, without a browser."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from emulators.setup import ROOT

# Vite, a dependency of the app, runs its TypeScript. Each input line is a question, each output line an answer.
RUN = """
import { createInterface } from "node:readline";
import { createServer } from "vite";
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
const server = await createServer({
  configFile: false,
  appType: "custom",
  logLevel: "error",
  server: { middlewareMode: true, watch: null, ws: false, hmr: false },
  optimizeDeps: { noDiscovery: true },
});
for await (const line of createInterface({ input: process.stdin })) {
  const [file, expression] = JSON.parse(line);
  const module = await server.ssrLoadModule(`/src/bank/${file}`);
  const names = Object.keys(module).filter((name) => name !== "default");
  const answer = await new Function(...names, `return ${expression}`)(...names.map((name) => module[name]));
  console.log(JSON.stringify(answer) ?? "null");
}
await server.close();
"""


class Library(Protocol):
    """Evaluates a JavaScript expression that can use every export of the file by its name."""

    def __call__(self, file: str, expression: str) -> Any: ...


@contextmanager
def client_library() -> Iterator[Library]:
    """Runs one Node process that evaluates all expressions."""
    command = ["node", "--input-type=module", "-e", RUN]
    with subprocess.Popen(
        command, cwd=ROOT / "web", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as node:
        assert node.stdin
        assert node.stdout
        questions, answers = node.stdin, node.stdout

        def answer(file: str, expression: str) -> Any:
            questions.write(json.dumps([file, expression]) + "\n")
            questions.flush()
            line = answers.readline()
            assert line, "the question broke it: see what it wrote to stderr"
            return json.loads(line)

        yield answer
        node.stdin.close()
        node.wait(timeout=30)
