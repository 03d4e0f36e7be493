"""One open line to each server of a kind, as they come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from loadlab.probes import Row
from loadlab.probes._talk import Complete, Line
from loadlab.services import Target, Targets

T = TypeVar("T")


class Servers(Generic[T]):
    """An open probe that asks every target whose status names `key` the same question, and parses the answer."""

    def __init__(
        self,
        targets: Targets,
        key: str,
        question: bytes,
        complete: Complete[T],
        parse: Callable[[Target, T], Iterable[Row]],
    ) -> None:
        self._targets = targets
        self._key = key
        self._question = question
        self._complete = complete
        self._parse = parse
        self._lines: dict[tuple[str, int], tuple[int, Line[T]]] = {}

    def read(self, _t: float) -> Iterable[Row]:
        """The rows of every server that answered in time. One that hangs up raises, after the others were asked."""
        rows: list[Row] = []
        errors: list[OSError] = []
        for target, line in self._open():
            try:
                answer = line.ask(self._question)
            except OSError as error:
                errors.append(error)
                continue
            rows += self._parse(target, answer) if answer is not None else []
        if errors and not rows:
            raise errors[0]
        return rows

    def close(self) -> None:
        """Hang up everywhere."""
        for _, line in self._lines.values():
            line.close()

    def _open(self) -> Iterator[tuple[Target, Line[T]]]:
        for target in self._targets.now():
            if self._key not in target.status:
                continue
            which, port = (target.service, target.instance), int(target.status[self._key])
            if which not in self._lines or self._lines[which][0] != target.pid:
                if which in self._lines:
                    self._lines[which][1].close()
                self._lines[which] = (target.pid, Line(port, self._complete, target.host))
            yield target, self._lines[which][1]
