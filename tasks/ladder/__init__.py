"""The ladder: what each strategy earns on the user's own rows. No stage of the graph; `regraft ladder` calls it."""
