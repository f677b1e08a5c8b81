"""A background job queue for the command line.

Nothing is imported here, so that `import queuectl` costs nothing; the program starts in `queuectl.__main__`.
"""

#: The version in pyproject.toml, written out because asking importlib.metadata would cost every start 25 ms.
__version__ = "0.1.0"
