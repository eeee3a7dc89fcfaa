"""Mending rows: which fixes are applied, in which order, what they leave, and how it is taken back."""
