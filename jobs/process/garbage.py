"""Python's search for cyclic garbage, kept off what stays for good."""

import gc


def exempt_all_so_far() -> None:
    """Leave all objects that there are now out of every later search.

    A search holds the interpreter. Through the modules and tables of a service it takes a tenth of a second,
    in which no other thread runs, and finds nothing.
    """
    gc.collect()
    gc.freeze()
