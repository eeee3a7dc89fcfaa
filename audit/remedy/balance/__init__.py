"""Balancing rows: weights, copies and made-up rows, so that labels and groups count as they should."""
