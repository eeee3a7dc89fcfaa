"""Words that mention groups of people: the data files, and where they stand in a text. Judges nothing."""
