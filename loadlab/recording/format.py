"""The only on-disk format: its number, its file names, its tables, and what is thinned out in long runs.

History of FORMAT (the number stands in run.json, in samples.sqlite's user_version and in requests.hlog's fourth line):
  1  first.

What a recording holds is in docs/formats.md, section 3. Three choices a reader of the files has to know:

- Rows of samples.sqlite are written in full for the first FULL_S seconds. After that a probe's rows are kept at most
  every THIN_S seconds (and at the first tick after a phase or a level began); its `ticks` stay complete. Counters
  lose nothing by it but resolution in time. A default run lasts a minute and is never thinned; an hour of 20
  processes stays under 50 MB by it.
- requests.hlog has a line a second for each tag, for the same FULL_S seconds; after that a line each COARSE_S
  seconds, always ended where a phase or a level begins. A run killed after more than FULL_S seconds can thus lose up
  to COARSE_S seconds of exact histograms. The table `requests` keeps its second, with count, sum and four
  percentiles, to the end.
- A tag of requests.hlog is `what:result:endpoint`, the endpoint percent-encoded (no comma, space or newline may stand
  in a tag), or the bare `schedule_lag` and `reader_lag`. Values are microseconds; the maximum in a line is in
  milliseconds.
"""

from __future__ import annotations

import re

from loadlab.recording.model import FORMAT

__all__ = ["FORMAT"]

RUN = "run.json"
SAMPLES = "samples.sqlite"
REQUESTS = "requests.hlog"
ERRORS = "errors.jsonl"
STACKS = "stacks"
LOGS = "logs"
TRIAL = "trial.jsonl"

FULL_S = 600.0
THIN_S = 2.0
COARSE_S = 5.0

MAX_ERROR_KINDS = 200
MAX_ENDPOINTS = 500
OTHER = "(other)"

STACK_NAME = re.compile(r"^(?P<service>.+)-(?P<instance>\d+)-(?P<pid>\d+)\.(?P<mode>\w+)\.folded$")
NAME = re.compile(r"^[a-z][a-z0-9_]*$")
"""What a probe and a metric may be called: both become names in SQL."""

TABLES = """
CREATE TABLE entities (id INTEGER PRIMARY KEY, kind TEXT, service TEXT, instance INTEGER, pid INTEGER, tid INTEGER,
name TEXT); CREATE TABLE metrics (probe TEXT, name TEXT, unit TEXT, kind TEXT, says TEXT, PRIMARY KEY (probe, name));
CREATE TABLE ticks (t REAL, probe TEXT, late_ms REAL, cost_ms REAL, error TEXT); CREATE TABLE events (t REAL, kind
TEXT, service TEXT, instance INTEGER, pid INTEGER, data TEXT); CREATE TABLE requests (t REAL, t_end REAL, endpoint
TEXT, result TEXT, count INTEGER,
                       sum_ms REAL, p50_ms REAL, p95_ms REAL, p99_ms REAL, max_ms REAL);
"""
RESERVED = frozenset({"entities", "metrics", "ticks", "events", "requests"})


def probe_table(probe: str, metrics: tuple[str, ...]) -> str:
    """SQL of one probe's table. Raises ValueError for names that cannot stand in SQL or are taken."""
    bad = [name for name in (probe, *metrics) if not NAME.match(name)]
    bad += [name for name in (probe,) if name in RESERVED] + [name for name in metrics if name in ("t", "entity")]
    if bad or len(set(metrics)) != len(metrics):
        raise ValueError(
            f"probe {probe!r}: names that cannot be used in a recording: {', '.join(bad) or 'twice the same'}"
        )
    columns = "".join(f', "{name}" REAL' for name in metrics)
    return f'CREATE TABLE "{probe}" (t REAL, entity INTEGER{columns})'


def probe_insert(probe: str, count: int) -> str:
    """SQL that adds a row with `count` metrics to a probe's table."""
    return f'INSERT INTO "{probe}" VALUES (?, ?{", ?" * count})'  # noqa: S608 - only after probe_table has checked the name


def clean(text: str, limit: int = 500) -> str:
    """Text of other people's as it can be stored anywhere: no lone surrogates, at most `limit` characters."""
    return text[:limit].encode("utf-8", "backslashreplace").decode("utf-8")
