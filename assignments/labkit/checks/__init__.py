"""The public checks, one module per lab."""
