"""What a person should look at, and what people decided."""
