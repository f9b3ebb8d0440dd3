"""When a model is made anew: parameters, known rows, drift."""
