"""A rule set and facts to values, by interpretation or by specialised code; and why each value is what it is."""
