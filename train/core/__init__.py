"""The training itself: batches, losses, the loop, evaluation. Opens no file and knows no row."""
