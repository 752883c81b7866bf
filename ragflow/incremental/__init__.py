"""The incremental engine: fingerprints, memo keys, differences. Pure; no I/O."""
