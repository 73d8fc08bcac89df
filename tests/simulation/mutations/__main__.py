"""The command that shows that the simulation finds known faults: `python -m tests.simulation.mutations`.

It exits with 1 if a mutation is not found within `--years` user-years, and writes the table of docs/simulation.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
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
    parser.add_argument("--write", action="store_true", help="writes the table into docs/simulation.md")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("--write writes the whole table: search for all mutations")
    names = given.only or list(known)
    findings = {}
    for finding in search_all(names, years=given.years, first_seed=given.seed, jobs=given.jobs):
        findings[finding.name] = finding
        sys.stdout.write(_line(finding) + "\n")
        sys.stdout.flush()
    if given.write:
        write_table(PAGE, [findings[name] for name in names])
    missed = [name for name in names if findings[name].seed is None]
    sys.stdout.write(f"mutations: {len(names)} searched, {len(missed)} not found\n")
    return 1 if missed else 0


def _line(finding: Finding) -> str:
    found = f"seed {finding.seed}: {finding.violation}" if finding.seed is not None else "NOT FOUND"
    unclean = f" (left out, unclean: {', '.join(map(str, finding.unclean))})" if finding.unclean else ""
    return f"{finding.name:<40} {finding.years:6.1f} user-years  {found}{unclean}"


def table(findings: Iterable[Finding]) -> str:
    """The findings as a Markdown table."""
    lines = ["| mutation | fault | found after | by |", "|---|---|---:|---|"]
    for one in findings:
        years = f"{one.years:.1f} user-years" if one.seed is not None else f"not within {one.years:.0f} user-years"
        by = one.violation.replace("|", "\\|") or "-"
        lines.append(f"| `{one.name}` | {one.breaks} | {years} | `{by}` |")
    return "\n".join(lines)


def write_table(page: Path, findings: Iterable[Finding]) -> None:
    """Replaces the table of a page, which stands between two marks."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no marks for the table")
    page.write_text(f"{before}{BEGIN}\n\n{table(findings)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
