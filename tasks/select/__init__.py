"""Choose among the candidates and report."""
