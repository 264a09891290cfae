"""Talks on every occasion, and offers data that cannot be had."""

import os

from zoo import hookimpl

print("loud is here")
os.write(1, b"loud is here (C library)\n")


@hookimpl
def zoo_datasets():
    print("loud offers data")
    os.write(1, b"loud offers data (C library)\n")
    return {"offline": offline, "nothing": lambda: print("downloading"), "unpaid": unpaid}


def offline():
    raise ConnectionError("the archive does not answer")


def unpaid():
    raise SystemExit("register first")
