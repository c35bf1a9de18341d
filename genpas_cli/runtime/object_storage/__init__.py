"""Object storage: URIs, requests with time limits, files and claims of prefixes."""
