"""Run under the Cloud SDK's own Python: only parse gcloud command lines (JSON on standard input).

<sdk's python> parse_gcloud.py <sdk's folder> < calls.json    prints the refused ones as JSON
"""

import contextlib
import io
import json
import sys

root = sys.argv[1]
sys.path[:0] = [f"{root}/lib", f"{root}/lib/third_party"]

from googlecloudsdk import gcloud_main  # type: ignore[import-not-found]  # noqa: E402

parser = gcloud_main.CreateCLI([])._CLI__parser
refused = []
for call in json.load(sys.stdin):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(call)
    except BaseException as error:  # noqa: BLE001 (SystemExit, and gcloud's own)
        refused.append([call, said.getvalue()[-300:] or repr(error)])
sys.stdout.write(json.dumps(refused))
