"""How much load when, for profiles that say so themselves. Pure; search.py and breaking.py are those that find out.

A level is a number of users in the closed model, and a rate in the open one: requests per second, or tasks of a
locustfile.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.errors import SpecError
from loadlab.spec.model import Profile

TICK_S = 0.5
"""How often a level that rises is set anew."""
SHORTEST_PART_S = 2.0
"""Below this a level gives fewer than two of the generator's seconds once it has settled."""
STEADY_S = 3.0
"""The least that is measured, whatever else wants time."""
SEARCHING = ("ramp", "search")


@dataclass(frozen=True)
class Part:
    """A stretch of the load: its phase in the recording, seconds, and the level at its start and at its end."""

    phase: str
    seconds: float
    first: float
    last: float

    def level_at(self, t: float) -> float:
        """The level `t` seconds after the part began."""
        share = min(1.0, max(0.0, t / self.seconds)) if self.seconds > 0 else 1.0
        return self.first + share * (self.last - self.first)

    @property
    def rises(self) -> bool:
        """Whether the level changes within it."""
        return self.first != self.last


def parts(profile: Profile, seconds: float) -> tuple[Part, ...]:
    """The load of a constant, soak, ramp, steps or spike profile that has `seconds` for it. Phase "steady" is what is
    judged: the highest level. The profile must have passed `check`."""
    make = {"ramp": _ramp, "steps": _steps, "spike": _spike}.get(profile.shape, _constant)
    return tuple(each for each in make(profile, seconds) if each.seconds > 0)


def _constant(profile: Profile, seconds: float) -> list[Part]:
    level = base(profile)
    rise = min(profile.warmup_s, level / profile.spawn_rate) if profile.spawn_rate else 0.0
    return [
        Part("warmup", rise, 1.0, level),
        Part("warmup", profile.warmup_s - rise, level, level),
        Part("steady", max(STEADY_S, seconds - profile.warmup_s), level, level),
    ]


def _ramp(profile: Profile, seconds: float) -> list[Part]:
    level, rise = base(profile), rise_s(profile)
    warm = max(0.0, profile.warmup_s - rise)
    first = min(1.0, level) if profile.model == "closed" else 0.0
    return [
        Part("warmup", rise, first, level),
        Part("warmup", warm, level, level),
        Part("steady", max(STEADY_S, seconds - rise - warm), level, level),
    ]


def rise_s(profile: Profile) -> float:
    """How long a ramp rises: `rise_s`, or what `spawn_rate` makes of it, or a quarter of the duration."""
    if profile.rise_s is not None:
        return profile.rise_s
    if profile.spawn_rate is not None:
        return base(profile) / profile.spawn_rate
    return profile.duration_s / 4


def _steps(profile: Profile, seconds: float) -> list[Part]:
    levels = profile.levels or ()
    each_s = max(SHORTEST_PART_S, (seconds - profile.warmup_s) / len(levels))
    rising = [Part("steps", each_s, level, level) for level in levels[:-1]]
    warm = Part("warmup", profile.warmup_s, levels[0], levels[0])
    return [warm, *rising, Part("steady", max(STEADY_S, each_s), levels[-1], levels[-1])]


def _spike(profile: Profile, seconds: float) -> list[Part]:
    low, high = base(profile), top(profile)
    left = seconds - profile.warmup_s
    spike = profile.spike_s or max(STEADY_S, left / 3)
    around = max(SHORTEST_PART_S, (left - spike) / 2)
    return [
        Part("warmup", profile.warmup_s, low, low),
        Part("before", around, low, low),
        Part("steady", spike, high, high),
        Part("after", around, low, low),
    ]


def base(profile: Profile) -> float:
    """The level a profile begins with, or stays at."""
    return float((profile.rate if profile.model == "open" else profile.users) or 1)


def top(profile: Profile) -> float:
    """The level of a spike."""
    return float((profile.spike_rate if profile.model == "open" else profile.spike_users) or base(profile))


def check(profile: Profile) -> None:
    """Raises SpecError for a profile that what was typed beside it has made impossible: before anything is started."""
    name, problems = f'profile "{profile.name}"', []
    if profile.model == "open" and profile.rate is None and profile.shape not in ("steps", "replay"):
        problems.append(f"{name}: the open model needs `rate`, in requests per second")
    if profile.model == "closed" and profile.users is None and profile.shape in ("constant", "soak", "spike"):
        problems.append(f'{name}: shape "{profile.shape}" needs `users`')
    needs = _needs_s(profile)
    if needs > profile.duration_s:
        problems.append(f"{name}: its parts need {needs:.0f} s, and its duration is {profile.duration_s:g} s")
    if problems:
        raise SpecError(problems)


def _needs_s(profile: Profile) -> float:
    """Seconds below which a part would be shorter than can be measured."""
    if profile.shape == "steps":
        return profile.warmup_s + SHORTEST_PART_S * (len(profile.levels or ()) - 1) + STEADY_S
    if profile.shape == "spike":
        return profile.warmup_s + 2 * SHORTEST_PART_S + (profile.spike_s or STEADY_S)
    if profile.shape == "ramp" and not searches(profile):
        return rise_s(profile) + STEADY_S
    return profile.warmup_s


def searches(profile: Profile) -> bool:
    """Whether the profile leaves the number of users to be found."""
    if profile.model == "open":
        return False
    return profile.shape == "search" or (profile.shape == "ramp" and profile.users is None)
