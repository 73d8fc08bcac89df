"""How much a browser downloads before the first page shows, compressed as Hosting compresses it."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from emulators.setup import ROOT
from tests.web.person import Person

DIST = ROOT / "web" / "dist"
BROTLI = "process.stdout.write(require('zlib').brotliCompressSync(require('fs').readFileSync(process.argv[1])))"
KILOBYTES = 1000


def brotli(path: Path) -> int:
    return len(subprocess.run(["node", "-e", BROTLI, str(path)], capture_output=True, check=True).stdout)


def loaded(person: Person) -> list[Path]:
    """The files of the app that the page has loaded so far."""
    script = "performance.getEntries().filter((e) => /navigation|resource/.test(e.entryType)).map((e) => e.name)"
    home = person.stack.ports.url("hosting")
    paths = {url.removeprefix(home).split("?")[0] for url in person.page.evaluate(script) if url.startswith(home)}
    files = [DIST / (path.strip("/") or "index.html") for path in paths]
    return [path for path in files if path.is_file() and path.name != "config.json"]


def is_firestore(path: Path) -> bool:
    """Whether a file contains the Firestore SDK; the bundler's names of shared chunks change with the imports."""
    return path.suffix == ".js" and "firestore.googleapis.com" in path.read_text(encoding="utf-8")


def test_the_first_visit_and_the_way_to_the_accounts_are_light(person: Callable[..., Person]) -> None:
    ann = person()
    ann.go()
    first = loaded(ann)
    assert any(path.suffix == ".css" for path in first)
    assert sum(len(gzip.compress(path.read_bytes())) for path in first) < 150 * KILOBYTES
    assert not [path for path in first if is_firestore(path) or path.name.startswith("Charts")]

    # Firestore comes with the sign-in. Hosting compresses with brotli: https://firebase.google.com/docs/hosting/full-config
    ann.sign_up()
    expect(ann.page.get_by_role("button", name="Connect a bank")).to_be_visible()
    everything = loaded(ann)
    assert any(map(is_firestore, everything))
    assert not [path for path in everything if path.name.startswith("Charts")]
    assert sum(map(brotli, everything)) < 250 * KILOBYTES
