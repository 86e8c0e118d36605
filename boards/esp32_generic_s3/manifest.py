"""What ships on ESP32-S3 with 8 MB of flash: what every board gets.

In: the functions of a manifest reader. Called by: `shimlet board build`, `flash` and `firmware`.
"""

# ruff: noqa: F821 - the reader brings the functions

include("../manifest.py")
