"""Training of the small model in models/shapes-sd1."""
