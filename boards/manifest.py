"""The one list of what ships on a board, in the style of MicroPython's own manifests.

In: the functions of a manifest reader (metadata, package, module). Called by: the deploy code,
which copies these files; a firmware build, which freezes them; the layout tests.
"""

# ruff: noqa: F821 - the reader brings the functions

metadata(description="Shimlet, the light node")

package("shimlet", base_path="../common")
package("shimlet_crypto", base_path="../firmware")
package("shimlet_light", base_path="../firmware")
module("boot.py", base_path="../firmware")
module("main.py", base_path="../firmware")
