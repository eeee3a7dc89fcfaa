"""Labels of a dataset: which there are, which row has which, and when two spellings mean one. Judges none of them."""
