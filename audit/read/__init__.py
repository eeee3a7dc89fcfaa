"""Reading: from files as users have them to lines of UTF-8 bytes with exact places. Judges nothing and knows no rule.

``sources`` finds files, ``lines`` cuts them into chunks of lines, ``strict`` says exactly what is wrong with one line,
``spans`` finds byte spans of JSON values, ``identity`` names rows by their content, ``rows`` reads Python objects.

Kinds of ``Problem``, each a fixed word:

- of one line, from ``strict.diagnose``: ``blank-line`` ``bom`` ``invalid-utf8`` ``not-json`` ``truncated``
  ``not-object`` ``duplicate-key`` ``non-finite`` ``lone-surrogate`` ``control-character`` ``line-separator``
  ``too-deep`` ``number-too-long``
- of one line, from the splitters: ``blank-line``, ``csv-row`` (wrong number of columns), ``not-json`` (a Python object
  that JSON cannot hold)
- of a whole file (``file`` is True, attached to its first or last line): ``bom`` ``utf-16`` ``utf-32`` ``cr-only``
  ``crlf`` ``mixed-newlines`` ``no-final-newline`` ``truncated-file`` ``json-array-file`` ``pretty-printed-file``
  ``csv-file`` ``parquet-file``, and ``not-json`` for a fault between the elements of a JSON array
"""
