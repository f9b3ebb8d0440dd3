"""Read labelled rows from any source into one table."""
