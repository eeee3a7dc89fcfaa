"""Closed-form statistics that every run needs at start-up speed. Heavier ones come from scipy and statsmodels."""
