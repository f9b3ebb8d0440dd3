"""The commands of `regraft`: what each takes from the command line, and whom it asks."""
