"""How many users when, for profiles that say so themselves. Pure; the search is in search.py."""

from __future__ import annotations

from loadlab.errors import SpecError
from loadlab.spec.model import Profile

STEPS_S = 0.5
"""How often a ramp changes the number of users."""


def users_at(profile: Profile, t: float) -> int:
    """Users of a `constant`, `soak` or `ramp` profile `t` seconds after the load began.

    A ramp rises by `spawn_rate` a second (default: within a quarter of the duration) to `users` and stays there.
    Raises SpecError for a shape that needs more than that, or a profile without `users`.
    """
    if profile.users is None:
        raise SpecError([f'profile "{profile.name}": shape "{profile.shape}" needs `users`'])
    if profile.shape in ("constant", "soak"):
        return profile.users
    if profile.shape == "ramp":
        rate = profile.spawn_rate or 4 * profile.users / profile.duration_s
        return max(1, min(profile.users, int(rate * t) + 1))
    raise SpecError([f'profile "{profile.name}": shape "{profile.shape}" is not one this version can run'])


def searches(profile: Profile) -> bool:
    """Whether the profile leaves the number of users to be found."""
    return profile.model == "closed" and profile.users is None and profile.shape in ("ramp", "search")
