"""Front end: statistics of spectral and temporal descriptors.

A window of half a minute becomes one row of 163 numbers, such as the mean and deviation of MFCCs,
of the spectral contrast and of the spectral centroid, and the tempo. It has no trained weights.
"""

from zoo import FrontEndCard, Handcrafted

__all__ = ["card"]

card = FrontEndCard(
    frontend=Handcrafted(),
    title="Hand-crafted features",
    references=(
        "Tzanetakis and Cook (2002), doi:10.1109/TSA.2002.800560",
        "McFee et al. (2015), librosa, doi:10.25080/Majora-7b98e3ed-003",
    ),
)
