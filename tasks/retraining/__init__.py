"""Retraining: when it is due, and what is kept of it. No stage of the graph."""
