"""Turn clean texts into a feature set."""
