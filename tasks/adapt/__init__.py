"""Pin a base encoder, or adapt it to the domain."""
