"""The trainer beside TRL on one machine, batched prediction, and whole runs on public data: ``python -m
benchmarks.training``. Not installed with the package."""
