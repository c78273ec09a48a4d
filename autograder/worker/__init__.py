"""This package runs inside the sandbox. It is the only part of the autograder that student code can see.

Imports here are relative, because inside the sandbox this package is mounted alone, without `autograder`.
"""
