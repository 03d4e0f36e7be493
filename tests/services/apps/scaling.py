"""A loadlab to be killed in the middle of adding an instance: says the run's mark once the new one starts, and waits.

scaling.py RECORDING
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from loadlab.clock import SYSTEM
from loadlab.recording.model import Entity, Metric
from loadlab.services import _limits
from loadlab.services._guardian import Guardian
from loadlab.services._launch import launch, plan_all
from loadlab.services._names import RunNames
from loadlab.services._readings import Row
from loadlab.services._scaler import Scaler
from loadlab.spec.model import Spec

recording = Path(sys.argv[1])
web = {
    "name": "app",
    "command": ["sh", "-c", "test {instance} = 0 || sleep 60 & exec {python} web.py {port}"],
    "env": {"SLOW_S": "60", "STUBBORN": "1"},
    "limits": {"cpu": 1.0} if _limits.means().cpu is not None else {"files": 100},
    "autoscale": {"min": 1, "max": 2, "metric": "in_flight", "out_above": 5, "in_below": 1, "over_s": 0.5},
    "ready": {"tcp": True},
}
spec = Spec.model_validate({"name": "x", "service": [web], "folder": Path(__file__).parent})


class Journal:
    def event(self, kind: str, service: str = "", instance: int = 0, pid: int = 0, **data: object) -> None:
        if kind == "started" and instance == 1:
            print(guardian.mark, flush=True)

    def log_path(self, service: str, instance: int) -> Path:
        return recording / f"{service}-{instance}.log"


class Nobody:
    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None: ...
    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None: ...
    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None: ...


names = RunNames(spec, recording)
with Guardian() as guardian, launch(plan_all(spec, recording, names), Journal(), SYSTEM, guardian) as running:
    scaler = Scaler(spec, names, running, Journal(), Nobody(), SYSTEM, 0.0)
    scaler.declare("edges", (Metric("outstanding", "1", "gauge", "requests"),))
    with scaler:
        while True:
            scaler.rows("edges", SYSTEM.monotonic(), [(Entity("edge", "x", name="app/0"), (9.0,))], 0.0, 0.0)
            SYSTEM.sleep(0.1)
