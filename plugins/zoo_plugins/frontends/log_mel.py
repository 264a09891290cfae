"""Front end: mel spectrogram in decibels.

A recording becomes one row of 128 mel bands per short-time frame, as networks take it. It has no
trained weights.
"""

from zoo import FrontEndCard, LogMel

__all__ = ["card"]

card = FrontEndCard(
    frontend=LogMel(),
    title="Log-mel spectrogram",
    references=(
        "Slaney (1998), Auditory Toolbox, technical report 1998-010, Interval Research",
        "McFee et al. (2015), librosa, doi:10.25080/Majora-7b98e3ed-003",
    ),
)
