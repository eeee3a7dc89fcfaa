"""The same text about another group: grammar-safe swaps, control swaps, and what had to be skipped."""
