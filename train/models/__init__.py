"""Models and tokenizers: the built-in one, those on disk, what of them is trained, and how they are written."""
