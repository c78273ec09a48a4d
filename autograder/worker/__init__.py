"""What runs inside the sandbox: the only part of the autograder that student code can see.

Imports here are relative, because inside the sandbox this package is mounted alone, without `autograder`.
"""
