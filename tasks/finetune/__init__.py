"""Train one candidate."""
