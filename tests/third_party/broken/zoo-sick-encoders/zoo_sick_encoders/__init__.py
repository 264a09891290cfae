"""Front ends that are broken, all of one package."""
