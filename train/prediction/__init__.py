"""What a model answers to the prompts of rows: in process or from an endpoint. Judges no answer."""
