"""Normalise texts, merge duplicates, split the rows."""
