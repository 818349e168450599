"""Spec files to a checked rule set."""
