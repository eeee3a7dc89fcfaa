"""What a gate demands: policies as data, and the verdict of each clause over a result. Prints nothing."""
