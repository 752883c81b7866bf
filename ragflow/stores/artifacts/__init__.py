"""Where large values are kept, by the digest of their bytes."""
