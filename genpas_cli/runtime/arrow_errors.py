"""What Arrow raises where a file or a stream is damaged."""

from __future__ import annotations

import pyarrow as pa

UNREADABLE = (pa.ArrowException, UnicodeDecodeError, OSError)
"""UnicodeDecodeError: of a name in a schema, which Arrow decodes when it is asked for."""
