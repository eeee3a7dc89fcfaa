"""Rows on their way to another trainer or a provider: what it can express, what is lowered, every row accounted for."""
