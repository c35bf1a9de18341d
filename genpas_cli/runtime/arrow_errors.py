"""The exceptions that Arrow raises for a damaged file or stream."""

from __future__ import annotations

import pyarrow as pa

UNREADABLE = (pa.ArrowException, UnicodeDecodeError, OSError)
"""UnicodeDecodeError comes from names in a schema, which Arrow decodes on access."""
