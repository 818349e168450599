"""The formula language: text to tree and back, and the units of a tree."""
