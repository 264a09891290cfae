"""Models that are worse than broken, all of one package."""
