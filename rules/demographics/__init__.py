"""Demographic skew in the data: representation, labels and answers by group."""
