"""How near an answer comes to the true one: words, numbers, sets and JSON of two texts. Knows no arm and no rule."""
