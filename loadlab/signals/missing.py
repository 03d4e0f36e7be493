"""The reason why a signal cannot be computed."""

from __future__ import annotations


class Missing(Exception):  # noqa: N818 - a reason that travels, not an error of the program
    """Data that a signal needs are not in the recording. The text says which, for people."""
