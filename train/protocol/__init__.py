"""OpenAI's protocol beyond chat: files and whatever is made there once. Knows no run, no row and no prediction."""
