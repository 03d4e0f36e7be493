"""A loadlab to be killed: launches a web server and the strays, stops one of them, says what runs, and waits.

parent.py RECORDING CANDIDATE_PID
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from loadlab.clock import SYSTEM
from loadlab.services import _limits
from loadlab.services._guardian import Guardian
from loadlab.services._launch import launch, plan_all
from loadlab.spec.model import Spec

recording, candidate = Path(sys.argv[1]), int(sys.argv[2])
limits = {"cpu": 1.0} if _limits.means().cpu is not None else {"files": 100}
web = {"name": "app", "command": ["{python}", "web.py", "{port}"], "limits": limits, "env": {"STUBBORN": "1"}}
strays = {"name": "strays", "command": ["{python}", "strays.py"], "ready": {"log": "strays"}}
spec = Spec.model_validate({"name": "x", "service": [web, strays], "folder": Path(__file__).parent})


class Journal:
    def event(self, *args: object, **data: object) -> None:
        pass

    def log_path(self, service: str, instance: int) -> Path:
        return recording / f"{service}-{instance}.log"


with Guardian() as guardian:
    guardian.candidate(candidate)
    temp = recording / "temp"
    (temp / "inner").mkdir(parents=True)
    guardian.temp(temp)
    with launch(plan_all(spec, recording), Journal(), SYSTEM, guardian) as running:
        targets = running.now()
        os.kill(targets[0].pid, signal.SIGSTOP)
        os.kill(candidate, signal.SIGSTOP)
        cgroups = [str(each) for target in targets for each in target.cgroup.values()]
        said = {"mark": guardian.mark, "guardian": guardian.pid, "cgroups": cgroups, "temp": str(temp)}
        print(json.dumps(said | {"pids": [each.pid for each in targets]}), flush=True)
        SYSTEM.sleep(60)
