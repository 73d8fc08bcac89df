"""The web app as a project serves it: the built pages, and a configuration with the region of its functions."""

import json
import shutil
from pathlib import Path

from deploy.project import Project
from deploy.tools import ROOT

CONFIG = "config.json"


def built() -> Path:
    """The folder with the built web app."""
    return ROOT / str(json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))["hosting"]["public"])


def write(project: Project) -> None:
    """Writes the folder that Hosting serves."""
    shutil.rmtree(project.page, ignore_errors=True)
    shutil.copytree(built(), project.page)
    config = json.loads((built() / CONFIG).read_text(encoding="utf-8"))
    (project.page / CONFIG).write_text(json.dumps(config | {"region": project.region}), encoding="utf-8")
