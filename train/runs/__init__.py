"""A run from its gate to its record: identity, checkpoints, logs, verification, replay."""
