"""`python -m vramledger` is the installed command."""

from vramledger.cli import script

script()
