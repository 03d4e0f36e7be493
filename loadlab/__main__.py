"""`python -m loadlab`: the same as the command `loadlab`."""

from loadlab.cli import main

main()
