"""What needs a provider or a deep-learning library: paraphrases. Fine-tuning comes with its own change."""
