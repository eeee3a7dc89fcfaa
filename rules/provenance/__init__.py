"""Where data comes from: licence, consent, source, and whether it is still the data that was locked."""
