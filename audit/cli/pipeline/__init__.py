"""``audit run``: the stages from check to report over one configuration, each taken from before where nothing changed.

The stages call the same functions as the commands of their names; nothing is judged, mended or trained here.
"""
