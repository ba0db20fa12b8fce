"""The built-in suites, one file each; every one is registered by an entry point."""
