"""Models that score texts for rules: a classifier in a folder, a moderation endpoint, Presidio. Judge nothing."""
