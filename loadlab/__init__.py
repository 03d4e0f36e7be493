"""loadlab: puts a system under load, watches it from outside, and names what limits it."""

__version__ = "0.1.0"
