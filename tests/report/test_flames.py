"""Stacks as trees: sums hold, the user's frames stay, deep ones are cut, the blamed line is marked."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.model import Frame, ServiceMeta, Stacks
from loadlab.report.flames import DEEPEST, tree
from loadlab.rules import Where

APP = ServiceMeta("app", "app", "command", 1, cwd="/srv/app")
LIBRARY = "/usr/lib/python3.11/asyncio/runners.py"


def stacks(*samples: tuple[tuple[Frame, ...], int]) -> Stacks:
    return Stacks("app", 0, 7, "gil", tuple(("MainThread", frames, count) for frames, count in samples))


def library(*names: str) -> tuple[Frame, ...]:
    return tuple(Frame(name, LIBRARY, 1) for name in names)


def users(name: str, line: int = 3) -> Frame:
    return Frame(name, "/srv/app/shop.py", line)


def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(each for child in node.get("children", []) for each in walk(child))]


def test_runs_of_library_frames_are_folded_and_the_users_are_not() -> None:
    found = tree(stacks(((*library("a", "b", "c", "d"), users("mine"), users("deeper")), 100)), APP)
    names = [each["name"] for each in walk(found)]
    assert names == [
        "all threads",
        "MainThread",
        "4 library frames: a … d",
        "mine (shop.py:3)",
        "deeper (shop.py:3)",
    ]


def test_library_frames_that_part_are_not_folded() -> None:
    split = stacks(((*library("a", "b", "c"),), 50), ((*library("a", "x", "y"),), 50))
    assert [each["name"].split(" ")[0] for each in walk(tree(split, APP))] == [
        "all",
        "MainThread",
        "a",
        "b",
        "c",
        "x",
        "y",
    ]


def test_a_library_frame_that_works_itself_is_not_folded() -> None:
    works = stacks((library("a", "b", "c"), 80), (library("a", "b"), 20))
    assert [each["name"].split(" ")[0] for each in walk(tree(works, APP))] == ["all", "MainThread", "a", "b", "c"]


def test_the_line_to_blame_is_marked_wherever_it_is() -> None:
    where = Where("mine", "shop.py", 3)
    found = tree(stacks(((*library("a"), users("mine")), 80), ((*library("z"), users("mine", 9)), 20)), APP, where)
    assert [each["name"] for each in walk(found) if each.get("blamed")] == ["mine (shop.py:3)", "mine (shop.py:9)"]


def test_a_deep_recursion_is_cut_and_says_so() -> None:
    found = walk(tree(stacks((tuple(users("again") for _ in range(900)), 10)), APP))
    assert len(found) == DEEPEST + 3
    assert found[-1]["name"] == f"{900 - DEEPEST} frames deeper"


def test_branches_too_small_to_see_are_left_out() -> None:
    found = tree(stacks(((users("big"),), 10_000), ((users("small"),), 1)), APP)
    assert "small (shop.py:3)" not in [each["name"] for each in walk(found)]
    assert found["value"] == 10_001


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("abcdef"), max_size=8), st.integers(1, 50)), min_size=1, max_size=20)
)
def test_no_child_is_larger_than_its_parent_and_the_root_has_all(samples: list[tuple[list[str], int]]) -> None:
    made = stacks(
        *((tuple(users(n) if n in "ab" else library(n)[0] for n in names), count) for names, count in samples)
    )
    found = tree(made, APP)
    assert found["value"] == sum(count for _, count in samples)
    for node in walk(found):
        assert sum(each["value"] for each in node.get("children", [])) <= node["value"]
