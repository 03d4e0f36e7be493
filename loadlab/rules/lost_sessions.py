"""Sessions live in one process, and the next request went to another

What: part of the requests that need a login are denied, or part of the reads of what was written before do not find
it, by every instance alike, and about as many as land on another instance than the one that has it.
Why: a session, an upload, or anything else kept in one instance's memory or on its disk, is unknown to its equals; a
balancer picks anew for each request, so with N instances (N - 1) / N of the requests come to one that never heard of
it.
Fix: keep sessions where all instances see them: Redis, memcached, a database, or a signed token that needs no store;
and files in an object store. Until then let the balancer keep each visitor on one server (sticky sessions), knowing
that its death logs them out.
Not: wrong passwords or expired sessions: those are denied on one instance, too.
Python: sessions in Redis (Flask-Session, Django's cached_db), or signed cookies; files in django-storages, boto3.
Node: connect-redis for express-session, or signed cookies; files in @aws-sdk/client-s3.
"""

from __future__ import annotations

from loadlab.rules import Clear, Found, Verdict
from loadlab.rules._lost import State, judge, often
from loadlab.signals import Signals

BRANCH = "code"
STEP = "shared_sessions"
RANK = 14
AT_LIMIT = False
ELASTIC = False
NEEDS = ("denials", "backends")
USES = ()

SESSIONS = State(
    endpoints=lambda s: s.denials.endpoints,
    spread=lambda s: s.denials.of_instances,
    sure=True,
    what="the requests that need a session",
    failed="denied",
    kept="sessions in one process",
    remedy="Keep sessions where every instance sees them (Redis, memcached, a database, a signed token).",
)
WRITTEN = State(
    endpoints=lambda s: s.denials.unfound,
    spread=lambda s: s.denials.unfound_of_instances,
    sure=False,
    what="the reads of what was written before",
    failed="not answered with it",
    kept="it in one instance",
    remedy="Keep what users send where every instance finds it (a database, an object store).",
)


def check(s: Signals) -> Verdict:
    """Endpoints that sometimes know what they are asked for and sometimes do not, behind a balancer with several
    instances."""
    lost = [(each, told) for each in (SESSIONS, WRITTEN) if (told := often(each.endpoints(s)))]
    if not lost:
        return Clear("no requests were denied for want of a session, and what was written was found")
    groups = [each for each in s.backends.groups if len(each.backends) > 1]
    if not groups:
        return Clear("requests were denied, but there is only one instance that could have known")
    verdicts = [judge(s, groups[0], each, told) for each, told in lost]
    found = tuple(fault for each in verdicts if isinstance(each, Found) for fault in each.faults)
    return Found(found) if found else verdicts[0]
