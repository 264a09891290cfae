"""A script that somebody made a plugin of."""

import sys

sys.exit("usage: zoo_exits FILE")
