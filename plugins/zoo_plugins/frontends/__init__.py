"""Front ends that any model of their layout can take."""
