"""Who may call whom, and therefore who starts first: taken from the placeholders, those in templates included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from loadlab.spec import placeholders
from loadlab.spec.model import ServiceSpec, Spec

Graph = Mapping[str, tuple[str, ...]]
TEMPLATE_SUFFIX = ".j2"


def start_order(spec: Spec, templates: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Names, each after those it refers to; otherwise as in the file. In a cycle, the file's order.

    templates: service -> text of the template it renders; by default the files are read.
    """
    graph = callees(spec, templates)
    ordered: list[str] = []
    for name in graph:
        _visit(name, graph, ordered, set())
    return tuple(ordered)


def needs(spec: Spec, templates: Mapping[str, str] | None = None) -> Graph:
    """Service -> those that must be ready before it starts: whom it refers to, and whoever before it in the file has a
    port of its own choice, which may be written down where no placeholder shows it. In a cycle, the file's order."""
    order, graph = start_order(spec, templates), callees(spec, templates)
    at = {name: place for place, name in enumerate(order)}
    chosen = [each.name for each in spec.service if each.port is not None]
    found = {}
    for name in order:
        wanted = dict.fromkeys((*graph[name], *chosen))
        found[name] = tuple(each for each in wanted if at[each] < at[name])
    return found


def callees(spec: Spec, templates: Mapping[str, str] | None = None) -> Graph:
    """Service -> the others it refers to: who it may call."""
    names = tuple(each.name for each in spec.service)
    rendered = template_texts(spec) if templates is None else templates
    return {each.name: _of_service(each, names, rendered.get(each.name, "")) for each in spec.service}


def callers(spec: Spec, templates: Mapping[str, str] | None = None) -> Graph:
    """Service -> the others that refer to it."""
    graph = callees(spec, templates)
    return {name: tuple(each for each, called in graph.items() if name in called) for name in graph}


def cycles(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Rings of services that wait for each other, each once: ("app", "db") for app -> db -> app."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for name in graph:
        ring = _ring(name, graph)
        if ring:
            found.setdefault(frozenset(ring), ring)
    return tuple(found.values())


def template_problem(text: str) -> str:
    """Why a text is no Jinja template, with its line; empty where it is one."""
    try:
        _parse(text)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    return ""


def template_names(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """The services a Jinja template speaks of; dashes in their names are underscores there."""
    try:
        free = meta.find_undeclared_variables(_parse(text))
    except TemplateSyntaxError:
        return ()
    return tuple(each for each in names if each.replace("-", "_") in free)


def template_texts(spec: Spec) -> dict[str, str]:
    """Service -> text of its `config` template; one that cannot be read is left out (checks/files says so)."""
    found: dict[str, str] = {}
    for service in spec.service:
        config = service.with_.get("config")
        if isinstance(config, str):
            text = _text(spec.folder / config)
            if text is not None:
                found[service.name] = text
    return found


def _parse(text: str) -> nodes.Template:
    """Parsed, never rendered: what autoescape would do does not matter here."""
    return Environment(autoescape=True).parse(text)


def _of_service(service: ServiceSpec, names: tuple[str, ...], template: str) -> tuple[str, ...]:
    found = [name for _, text in placeholders.texts(service) for name in placeholders.references(text, names)]
    upstream = service.with_.get("upstream")
    found += [each for _, each in placeholders.strings(upstream, ()) if each in names]
    found += placeholders.references(template, names)
    found += template_names(template, names)
    return tuple(each for each in dict.fromkeys(found) if each != service.name)


def _visit(name: str, graph: Graph, ordered: list[str], entered: set[str]) -> None:
    if name in ordered or name in entered:
        return
    entered.add(name)
    for each in graph[name]:
        _visit(each, graph, ordered, entered)
    ordered.append(name)


def _ring(start: str, graph: Graph) -> tuple[str, ...]:
    """The shortest way from a service back to itself."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for path in paths:
        for each in graph.get(path[-1], ()):
            if each == start:
                return path
            if each not in seen:
                seen.add(each)
                paths.append((*path, each))
    return ()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
