"""Retraining: its parameters, and what speaks for or against it. Not a stage."""
