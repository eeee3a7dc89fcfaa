"""Fine-tuning at a provider that speaks OpenAI's protocol: what `audit train --provider openai` does."""
