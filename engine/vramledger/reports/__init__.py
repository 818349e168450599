"""Ledgers, derivations and problems, for people and for programs."""
