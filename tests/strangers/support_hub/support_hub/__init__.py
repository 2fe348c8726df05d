"""Support desk automation for a small web shop."""

__version__ = "0.4.2"
