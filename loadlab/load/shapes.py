"""How many users when, for profiles that say so themselves. Pure; the search is in search.py."""

from __future__ import annotations

from loadlab.errors import SpecError
from loadlab.spec.model import Profile

STEPS_S = 0.5
"""How often a ramp changes the number of users."""


def users_at(profile: Profile, t: float) -> int:
    """Users of a `constant`, `soak` or `ramp` profile `t` seconds after the load began.

    A ramp rises by `spawn_rate` a second (default: within a quarter of the duration) to `users` and stays there.
    The profile must have passed `check`.
    """
    users = profile.users or 1
    if profile.shape != "ramp":
        return users
    rate = profile.spawn_rate or 4 * users / profile.duration_s
    return max(1, min(users, int(rate * t) + 1))


CLOSED = ("constant", "soak", "ramp", "search")
OPEN = ("constant", "soak")


def check(profile: Profile) -> None:
    """Raises SpecError for a profile this version cannot run: before anything is started, not in the middle."""
    known = OPEN if profile.model == "open" else CLOSED
    problems = []
    if profile.shape not in known:
        problems.append(
            f'profile "{profile.name}": shape "{profile.shape}" cannot be run yet; use {" or ".join(known)}'
        )
    elif profile.model == "open" and profile.rate is None:
        problems.append(f'profile "{profile.name}": the open model needs `rate`, in requests per second')
    elif profile.model == "closed" and profile.users is None and not searches(profile):
        problems.append(f'profile "{profile.name}": shape "{profile.shape}" needs `users`')
    if problems:
        raise SpecError(problems)


def searches(profile: Profile) -> bool:
    """Whether the profile leaves the number of users to be found."""
    return profile.model == "closed" and profile.users is None and profile.shape in ("ramp", "search")
