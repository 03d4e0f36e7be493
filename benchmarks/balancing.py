"""Every strategy of both balancers before three servers: alike, one a third as fast, one far away, one that dies.

    python benchmarks/balancing.py [--balancer nginx|haproxy] [--case alike|slower|weights|far|dies] [--strategy S]
        [--rate 400]

Requests leave on a schedule, for one page. A row of the Markdown table: the share that each server got,
latency, failed requests, what loadlab says. `ip_hash` needs visitors with addresses of their own: each user here says
his in X-Forwarded-For, as behind another proxy, and both balancers are told to believe it. About 13 s a row.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from under_load import Load, Seen, Victim, run

from loadlab.services._balancing import STRATEGIES
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window

UNLIKE = "sample_apps/balanced/unlike.toml"
VISITORS = "sample_apps/balanced/visitors.py"
RATE = 400.0
"""A second, unless --rate says otherwise. No server is full at it, where a page takes 1.7 ms of CPU (AMD EPYC): one a
third as fast is busy for two thirds of its time where each gets as much."""
CASES: Mapping[str, tuple[str, ...]] = {
    "alike": (),
    "slower": ("app.env.TIMES=1,1,3",),
    "weights": ("app.env.TIMES=1,1,3", "balancer.with.weights=[3, 3, 1]"),
    "far": ("app.env.WAITS_MS=0,0,40",),
    "dies": (),
}
BELIEVED = {
    "nginx": 'balancer.with.settings={ set_real_ip_from = "127.0.0.1", real_ip_header = "X-Forwarded-For" }',
    "haproxy": 'balancer.with.settings={ frontend = { "http-request set-src" = "hdr(x-forwarded-for)" } }',
}
NEITHER = {("ip_hash", "weights"), ("least_conn", "weights")}
"""Weights are for strategies that do not look at who is busy."""


def row(balancer: str, case: str, strategy: str, seen: Seen) -> str:
    """Of the table."""
    start, end = seen.window
    counted = {
        each.entity.name: increase(each, Window(start, end))
        for each in seen.recording.series(f"{balancer}.requests")
        if each.entity.kind == "upstream" and each.entity.name.startswith("127.")
    }
    ports = next(each.ports for each in seen.recording.meta.services if each.name == "app")
    requests = [counted.get(f"127.0.0.1:{port}") or 0.0 for port in ports]
    total = sum(requests) or 1.0
    shares = " : ".join(f"{100 * each / total:.0f}" for each in requests)
    times = seen.recording.quantiles(start, end)
    latency = f"{times.p50_ms:.1f} | {times.p99_ms:.0f}" if times else "- | -"
    failed = seen.count("fail", after=start)
    return f"| {balancer} | {case} | `{strategy}` | {shares} | {latency} | {failed:,} | {seen.verdict} |"


def changes(balancer: str, case: str, strategy: str) -> tuple[str, ...]:
    """What is set for a row."""
    chosen = (f"balancer.uses={balancer}", f"balancer.with.strategy={strategy}", *CASES[case])
    return (*chosen, BELIEVED[balancer], "name=balanced-unlike")


def main() -> None:
    """Every row that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--balancer", action="append", choices=list(BELIEVED))
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--strategy", action="append", choices=STRATEGIES)
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second")
    chosen = parser.parse_args()
    print("| balancer | servers | strategy | share, % | p50 ms | p99 ms | failed | loadlab says |\n" + "|---" * 8 + "|")
    load = Load(rate=chosen.rate, locustfile=VISITORS, seconds=6.0)
    for case in chosen.case or CASES:
        for balancer in chosen.balancer or BELIEVED:
            for strategy in chosen.strategy or STRATEGIES:
                if (strategy, case) in NEITHER:
                    continue
                victim = Victim("app", 2) if case == "dies" else None
                print(
                    row(balancer, case, strategy, run(UNLIKE, load, changes(balancer, case, strategy), victim)),
                    flush=True,
                )


if __name__ == "__main__":
    main()
