"""From rows to what a model is trained on: token ids, a weight for each, classes and groups. No torch."""
