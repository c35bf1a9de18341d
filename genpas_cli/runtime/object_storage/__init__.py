"""Object storage: which addresses mean it, requests with time limits, reading there as from a directory."""
