"""Kills one process of an arrangement while it is under load, and counts what its users notice.

    python benchmarks/deaths.py [CASE ...]      # default: all of CASES, about 15 s each

A row of the Markdown table: what was killed, how long until there were as many processes again, answered requests/s
before and after (the second of the kill left out), failed requests and how long after the kill the
last one failed; logins that members had to make again; what loadlab says of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from under_load import Load, Seen, Victim, run

AGAIN = "/login (again)"
MEMBERS = Load(users=60, locustfile="locustfiles/member.py")
"""Who stays logged in: ten looks a second each, which leaves both cores time."""
BUYERS = Load(users=16, locustfile="sample_apps/replicated-writes/buyers.py")
"""Who sends orders. An order whose answer is lost is not sent again, as it may have been placed; a GET is, once, if the
connection that broke had been used before: as browsers do it (RFC 9110, 9.2.2)."""
READERS = Load(users=16)
PURCHASES = Load(users=8)


@dataclass(frozen=True)
class Case:
    """One arrangement and who dies in it."""

    system: str
    load: Load
    victim: Victim
    changes: tuple[str, ...] = ()


CASES: Mapping[str, Case] = {
    "cluster": Case("cluster", READERS, Victim("app", worker=True)),
    "cluster-orders": Case("cluster", BUYERS, Victim("app", worker=True)),
    "node-cluster": Case("node-cluster", READERS, Victim("app", worker=True)),
    "node-pm2": Case("node-pm2", READERS, Victim("app", worker=True)),
    "balanced-orders": Case("balanced", BUYERS, Victim("app", 2)),
    "haproxy-orders": Case("sample_apps/balanced/haproxy.toml", BUYERS, Victim("app", 2)),
    "restarted-orders": Case("balanced", BUYERS, Victim("app", 2), ("app.restart=on-exit",)),
    "sticky": Case("sticky", MEMBERS, Victim("app", 1)),
    "stateless": Case("stateless", MEMBERS, Victim("app", 1)),
    # Started again: a run ends where a service has no instance left.
    **{
        f"without-{name}": Case("microservices", PURCHASES, Victim(name), (f"{name}.restart=on-exit",))
        for name in ("auth", "users", "orders", "payments", "notifications", "queue")
    },
}


def row(name: str, case: Case, seen: Seen) -> str:
    """Of the table."""
    killed = seen.killed
    if killed is None:
        raise SystemExit(f"{name}: nothing was killed")
    start, end = seen.window  # after it loadlab tries twice the users
    before, after = seen.rate(start, killed.at), seen.rate(killed.at + 1, end)
    failed, all_ = seen.count("fail", after=killed.at - 1), seen.count(after=killed.at - 1)
    last = max((each.end for each in seen.recording.requests if each.result == "fail"), default=killed.at)
    back = f"{killed.back_s:.2f} s" if killed.back_s is not None else "never"
    says = f"{failed:,} of {all_:,}" + (f", the last {last - killed.at:.1f} s after" if failed else "")
    again = seen.count(endpoint=_named(seen, AGAIN))
    logins = f"{again} of {case.load.users}" if case.load is MEMBERS else "-"
    who = f"a worker of {case.victim.service}" if case.victim.worker else case.victim.service
    return f"| `{name}` | {who} | {back} | {before:,.0f} | {after:,.0f} | {says} | {logins} | {seen.verdict} |"


def parts(seen: Seen) -> list[str]:
    """Where requests failed from the kill on, for systems with several endpoints: failed of all, by endpoint."""
    killed = seen.killed
    names = sorted({each.endpoint for each in seen.recording.requests})
    if killed is None or len(names) < 2:
        return []
    after = killed.at - 1
    return [
        f"{name}: {seen.count('fail', name, after)} of {seen.count('', name, after)} failed"
        for name in names
        if seen.count("", name, after)
    ]


def _named(seen: Seen, end: str) -> str:
    """The endpoint as it was recorded: with its method before it. One that nobody asked for is none."""
    return next((each.endpoint for each in seen.recording.requests if each.endpoint.endswith(end)), "never asked for")


def main() -> None:
    """Every case that is named."""
    names = sys.argv[1:] or list(CASES)
    unknown = [each for each in names if each not in CASES]
    if unknown:
        raise SystemExit(f"no case is called {', '.join(unknown)} (known: {', '.join(CASES)})")
    print("| case | killed | back after | requests/s before | after | failed | logged in again | loadlab says |")
    print("|---" * 8 + "|")
    for name in names:
        case = CASES[name]
        seen = run(case.system, case.load, case.changes, case.victim)
        print(row(name, case, seen), flush=True)
        for each in parts(seen):
            print(f"    {each}", file=sys.stderr)


if __name__ == "__main__":
    main()
