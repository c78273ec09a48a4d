"""What a course author runs: build, validate, mutate."""
