"""Fine-tuning comes with its own change; this package holds nothing yet and only keeps the name ``audit.train``."""
