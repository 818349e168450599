"""Scenarios as rows of a table: columns of facts in, columns of quantities out."""
