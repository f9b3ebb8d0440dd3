"""What `make bench` runs: figures with the command that makes them."""
