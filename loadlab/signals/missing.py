"""The reason why a signal cannot be computed."""

from __future__ import annotations


class Missing(Exception):
    """Data that a signal needs are not in the recording. The text says which, for people."""
