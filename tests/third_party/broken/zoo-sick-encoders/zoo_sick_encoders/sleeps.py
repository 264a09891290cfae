"""Takes five seconds to import."""

import time

from zoo import FrontEndCard, LogMel

time.sleep(5)  # as a large framework does

card = FrontEndCard(frontend=LogMel(), title="Sleeps")
