"""Which language a text is in, and how sure that is. Judges nothing."""
