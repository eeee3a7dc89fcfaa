"""Finds what identifies a person, and secrets, in any text: patterns, checksums and words around them; and the typed
placeholders that stand for them. Judges nothing."""
