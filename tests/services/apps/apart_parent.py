"""A loadlab to be killed: launches two services in network namespaces of their own, says what runs, and waits.

apart_parent.py RECORDING
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from loadlab.clock import SYSTEM
from loadlab.services._guardian import Guardian
from loadlab.services._launch import launch, plan_all
from loadlab.spec.model import Spec

recording = Path(sys.argv[1])
app = {"name": "app", "command": ["{python}", "apart.py", "{port}"], "instances": 2, "limits": {"network": "own"}}
caller = app | {"name": "caller", "command": ["{python}", "apart.py", "{port}", "{app.addresses}"], "instances": 1}
spec = Spec.model_validate({"name": "x", "service": [app, caller], "folder": Path(__file__).parent})


class Journal:
    def event(self, *args: object, **data: object) -> None:
        pass

    def log_path(self, service: str, instance: int) -> Path:
        return recording / f"{service}-{instance}.log"


with Guardian() as guardian, launch(plan_all(spec, recording), Journal(), SYSTEM, guardian) as running:
    targets = running.now()
    said = {"pids": [each.pid for each in targets], "hosts": [each.host for each in targets]}
    print(json.dumps(said | {"mark": guardian.mark, "guardian": guardian.pid}), flush=True)
    SYSTEM.sleep(60)
