"""Several quotas that are used up: told together where they are alike, and in an order that no noise changes."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from tests.build import Builder, Proc


def limited(*services: tuple[str, float, float, float], steal: float = 0.0, idle: float | None = None) -> Builder:
    """Each: name, quota, share of it that is used, share of periods in which it was stopped."""
    built = Builder(cores=4)
    for name, cores, used, _ in services:
        built.service(name, Proc(cores=used * cores, busy=0.99))
    built.load(300.0, growth=1.01).generator(0.1).host(steal=steal, idle=idle)
    for name, cores, used, throttled in services:
        entity = Entity("cgroup", name, 0)
        built.gauge("cgroup.quota_cores", entity, cores)
        built.counter("cgroup.periods", entity, 10)
        built.counter("cgroup.throttled_periods", entity, 10 * throttled)
        built.counter("cgroup.usage_s", entity, used * cores)
        built.counter("cgroup.throttled_s", entity, throttled * cores)
    return built


@pytest.mark.parametrize(
    ("a", "z"),
    [((0.92, 0.65), (0.94, 0.87)), ((0.97, 0.86), (0.93, 0.69)), ((0.95, 0.82), (0.98, 0.88))],
    ids=["the second is fuller", "the first is", "both nearly full"],
)
def test_shards_that_are_used_up_alike_are_one_finding_whichever_is_the_fuller(
    a: tuple[float, float], z: tuple[float, float]
) -> None:
    """The figures are recorded: two shards of a quarter of a core that were asked alike."""
    diagnosis = diagnose(limited(("a-to-m", 0.25, *a), ("n-to-z", 0.25, *z)).recording())
    first = diagnosis.bottleneck
    assert first is not None and (first.kind, first.service, first.along) == ("cpu_quota", "a-to-m", ("n-to-z",))
    assert first.sentence == "a-to-m and n-to-z are each throttled by their quota of 0.25 CPU cores"
    assert "of a-to-m above 0.25 and of n-to-z above 0.25 cores" in first.remedy.text
    assert {each.says.rsplit(" in ", 1)[-1] for each in first.evidence} >= {"a-to-m", "n-to-z"}
    assert not [each for each in diagnosis.others if each.kind == "cpu_quota"]


def test_the_other_one_is_no_next_limit_as_the_step_raises_it_too() -> None:
    diagnosis = diagnose(limited(("a", 0.5, 0.97, 0.9), ("z", 0.5, 0.95, 0.9)).recording())
    assert diagnosis.bottleneck is not None
    gain = diagnosis.bottleneck.remedy.expected_gain
    assert gain is not None and gain > 1.9, "up to a core each"


def test_one_that_has_room_left_is_told_after_the_one_that_has_none() -> None:
    diagnosis = diagnose(limited(("a", 0.5, 0.82, 0.4), ("z", 0.25, 0.98, 0.9)).recording())
    first = diagnosis.bottleneck
    assert first is not None and (first.service, first.along) == ("z", ())
    assert [(each.kind, each.service) for each in diagnosis.others] == [("cpu_quota", "a")]
    assert diagnosis.next is not None and diagnosis.next.service == "a"


def test_quotas_of_two_sizes_are_both_said() -> None:
    first = diagnose(limited(("a", 0.5, 0.97, 0.9), ("z", 0.25, 0.96, 0.9)).recording()).bottleneck
    assert first is not None and first.sentence.endswith("their quota of 0.5 or 0.25 CPU cores")


def test_no_more_is_promised_than_the_machine_has_where_demands_are_not_known() -> None:
    """Recorded: the hypervisor had taken a part, so that nobody could foresee; 4.3 times was promised, with half of the
    cores idle."""
    diagnosis = diagnose(limited(("a", 0.25, 0.93, 0.9), ("z", 1.9, 0.3, 0.0), steal=0.5, idle=0.9).recording())
    assert diagnosis.next is None and diagnosis.bottleneck is not None
    gain = diagnosis.bottleneck.remedy.expected_gain
    assert gain is not None and gain == pytest.approx(1 + 0.9 / (0.23 + 0.57 + 0.1), rel=0.05)
