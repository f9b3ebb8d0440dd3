"""Retraining: what speaks for it, and when it is due. No stage of the graph; `regraft retrain` calls it."""
