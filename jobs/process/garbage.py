"""Python's garbage collector, which need not look at what stays for good."""

import gc


def freeze_existing_objects() -> None:
    """Leave all objects that there are now out of every later collection.

    A collection holds the interpreter's lock. Over the modules and tables of a service it takes a tenth of a
    second, in which no other thread runs, and finds nothing.
    """
    gc.collect()
    gc.freeze()
