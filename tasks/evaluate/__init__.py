"""Measure one trained candidate on the validation rows."""
