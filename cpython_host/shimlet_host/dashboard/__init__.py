"""The dashboard: a page for people, served by the node itself under /dashboard.

`add_dashboard` puts it behind the web API's checks. NiceGUI is imported when the first page is
asked for, and never before: only `site.py` and what it imports know it.
"""

from shimlet_host.dashboard.door import PREFIX, Dashboard, add_dashboard

__all__ = ["PREFIX", "Dashboard", "add_dashboard"]
