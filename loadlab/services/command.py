"""A program of the user's, started from its argument list.

What: one process for each instance, with its own port and folder.
"""

from __future__ import annotations

from loadlab.services import Names, Plan, ProcessPlan, _setup
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "app"
SHELL_WORDS = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>&1", "&"})


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """A command that was written for a shell, and a Node program whose packages nobody installed."""
    command = service.command or ()
    problems = []
    if not command or not command[0].strip():
        problems.append("names no program")
    elif len(command) == 1 and len(command[0].split()) > 1:
        words = ", ".join(f'"{each}"' for each in command[0].split())
        problems.append(f"is an argument list, not a line for a shell: write [{words}]")
    problems += [
        f'{each!r} is a word of the shell, and no shell reads this; use ["sh", "-c", "..."] to have one'
        for each in command
        if each in SHELL_WORDS
    ]
    problems += _setup.node_problems(command, service.setup, spec.folder / service.cwd)
    return problems


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One process an instance; those of a scaled service that are not started yet stand by."""
    ports = names.all_ports(service.name)
    processes = tuple(_process(service, names, instance, ports) for instance in range(service.at_most))
    return Plan(
        service.name,
        service.role or ROLE,
        service.unit,
        processes[: service.at_start],
        url=names.url(service.name) if ports else "",
        standby=processes[service.at_start :],
    )


def _process(service: ServiceSpec, names: Names, instance: int, ports: tuple[int, ...]) -> ProcessPlan:
    def fill(text: str) -> str:
        return names.fill(text, service.name, instance)

    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=tuple(fill(each) for each in service.command or ()),
        cwd=(names.spec.folder / service.cwd).resolve(),
        folder=names.folder(service.name, instance),
        env={key: fill(value) for key, value in service.env.items()},
        ports=ports[instance : instance + 1],
    )
