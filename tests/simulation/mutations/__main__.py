"""The command that shows that the simulation finds known faults: `python -m tests.simulation.mutations`.

It exits with 1 if a mutation is not found within `--years` user-years, and writes the table of docs/simulation.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.simulation.mutations import mutations
from tests.simulation.mutations.search import Finding, search_all

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"
BEGIN, END = "<!-- mutations: begin -->", "<!-- mutations: end -->"


def main() -> int:
    """Searches for the mutations; 1 if one was not found."""
    known = mutations()
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description="Finds known faults.")
    parser.add_argument("--only", nargs="+", choices=sorted(known), metavar="NAME", help="some mutations")
    parser.add_argument("--years", type=float, default=50.0, help="the most user-years for each mutation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="writes the findings into the table of docs/simulation.md")
    given = parser.parse_args()
    names = given.only or list(known)
    findings = {}
    for finding in search_all(names, years=given.years, first_seed=given.seed, jobs=given.jobs):
        findings[finding.name] = finding
        sys.stdout.write(_line(finding) + "\n")
        sys.stdout.flush()
        if given.write:
            write_table(PAGE, findings, order=list(known))
    missed = [name for name in names if findings[name].seed is None]
    sys.stdout.write(f"mutations: {len(names)} searched, {len(missed)} not found\n")
    return 1 if missed else 0


def _line(finding: Finding) -> str:
    found = f"seed {finding.seed}: {finding.violation}" if finding.seed is not None else "NOT FOUND"
    unclean = f" (left out, unclean: {', '.join(map(str, finding.unclean))})" if finding.unclean else ""
    return f"{finding.name:<40} {finding.years:6.1f} user-years  {found}{unclean}"


def write_table(page: Path, findings: Mapping[str, Finding], *, order: Sequence[str]) -> None:
    """Writes findings into the table of a page, which stands between two marks; other rows stay as they are."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no marks for the table")
    rows = {row.split("`")[1]: row for row in table.splitlines() if row.startswith("| `")}
    rows |= {name: _row(finding) for name, finding in findings.items()}
    head = ["| mutation | fault | found after | by |", "|---|---|---:|---|"]
    text = "\n".join([*head, *(rows[name] for name in order if name in rows)])
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _row(one: Finding) -> str:
    years = f"{one.years:.1f} user-years" if one.seed is not None else f"not within {one.years:.0f} user-years"
    by = one.violation.replace("|", "\\|") or "-"
    return f"| `{one.name}` | {one.breaks} | {years} | `{by}` |"


if __name__ == "__main__":
    sys.exit(main())
