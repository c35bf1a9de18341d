"""One training run: its data, device, steps and checkpoint."""
