"""Splitting rows so that no split learns from another."""
