"""10c WHETHER IT IS TRUE. Systems whose bottleneck is known, verdicts held against that, and the figures of many.

case -> judge (one verdict) -> result (a line of the file that is kept) -> score (all of them). Pure: running the cases
is the command line's business.
"""
