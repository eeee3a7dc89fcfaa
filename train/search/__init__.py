"""Many runs that are compared: hyper-parameter search and learning curves."""
