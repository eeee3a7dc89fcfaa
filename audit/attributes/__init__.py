"""Protected attributes: where a row says to which group it belongs, and its normalised groups. Judges nothing."""
