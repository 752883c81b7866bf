"""What a plugin is tested with: the suites it must pass."""
