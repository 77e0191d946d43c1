"""Formula 1 data from the OpenF1 API into an analytics warehouse.

One module a subject; the scripts beside this package translate between Snakemake and it.
"""


class PipelineError(Exception):
    """Something a user can put right. Its text is one line: what is wrong, where, what to do."""
