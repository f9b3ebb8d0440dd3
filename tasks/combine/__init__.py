"""Make one model out of several trained candidates."""
