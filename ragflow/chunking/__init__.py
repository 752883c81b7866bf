"""From content to chunks: where to cut, and how long a stretch is."""
