"""The report of a result as one offline HTML file: sections, charts, style. Computes no figure."""
