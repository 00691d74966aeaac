"""Songs without stems that teach all the same (Défossez et al. 2019, arXiv 1909.01174, section 5).

Where a source is known to be silent, an excerpt of a song is a known sum of the others; together with a stem of that
source from a song that has stems it is a weakly labelled example. ``detector`` and ``by_separator`` find such seconds,
``excerpts`` makes a table of them, ``write`` makes songs of the table, which the sampler mixes with known stems
(``Mixing.weak``: how often; ``Mixing.rest_weight``: how much the sum counts).
"""
