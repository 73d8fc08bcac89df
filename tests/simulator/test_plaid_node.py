"""plaid-node completes the main flow."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .harness import Sim

HERE = Path(__file__).parent
PACKAGES = HERE.parent / "js"


def test_plaid_node_links_syncs_and_removes(sim: Sim) -> None:
    command = ["node", str(HERE / "main_flow.cjs"), sim.url, str(PACKAGES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"link": "link-sandbox-", "rows": 70, "accounts": 5, "gone": "ITEM_NOT_FOUND"}
