"""Runs rules over sources: plan, fold, merge, finish. It is handed its rules and knows none by name."""
