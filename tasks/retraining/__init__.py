"""Retraining: its parameters, what is known of rows, and drift. No stage of the graph."""
