"""Runs first on the board; nothing heavy belongs here. The node starts in main.py."""

try:
    from shimlet_light import watchdog

    watchdog.after_reset()
except Exception as error:  # half of a deployment must not keep a tool from the other half
    print("boot.py:", error)
