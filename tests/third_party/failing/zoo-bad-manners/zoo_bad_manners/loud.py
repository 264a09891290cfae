"""Offers data, and talks on every occasion."""

import os

from zoo import hookimpl

print("loud is here")
os.write(1, b"loud is here (C library)\n")


@hookimpl
def zoo_datasets():
    print("loud offers nothing")
    os.write(1, b"loud offers nothing (C library)\n")
    return {}
