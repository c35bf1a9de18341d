"""The models that can be trained; PyTorch modules without knowledge of files, options or training."""
