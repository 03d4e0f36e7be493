"""A counter in memory, asked through a cluster and through a balancer: every process has its own.

    python benchmarks/counters.py [cluster] [node-cluster] [balanced] [single]     # a second each

Asks for /visits 1,000 times, 16 at a time, and prints what each process had counted in the end.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from standing import standing

ASKED = 1000


def main() -> None:
    """A row for each system."""
    print("| system | asked | what each process says |\n|---|---|---|")
    for name in sys.argv[1:] or ("single", "cluster", "balanced"):
        with standing(name) as running, ThreadPoolExecutor(16) as pool:
            front = next((each for each in running.now() if each.role == "balancer"), running.now()[0])
            url = running.url(front.service) + "/visits"

            def visit(_: int, url: str = url) -> tuple[int, int]:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    said = json.load(answer)
                return said["process"], said["visits"]

            seen = list(pool.map(visit, range(ASKED)))
        highest = {process: max(count for each, count in seen if each == process) for process, _ in seen}
        print(f"| `{name}` | {ASKED:,} | {', '.join(f'{each:,}' for each in sorted(highest.values()))} |", flush=True)


if __name__ == "__main__":
    main()
