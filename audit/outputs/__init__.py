"""Outputs of models as columns: whose they are, what was decided, with what probability, for whom. Judges nothing."""
