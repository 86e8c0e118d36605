"""/docs: the API in a browser, from files of this machine alone.

In: nothing. Out: a page with Swagger UI, whose script and style come from the package
fastapi-offline. A browser is told to take nothing from anywhere else. Called by `app.py`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

# The page's own script and style are written into it; everything else is ours.
_ONLY_FROM_HERE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:"
)
_KEEP = {"Cache-Control": "max-age=86400"}
_SCRIPT, _STYLE, _ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"


def install_docs(app: FastAPI) -> None:
    """Adds the page and its files, which the document does not mention."""

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        answer = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Shimlet: web API",
            swagger_js_url=f"/docs/{_SCRIPT}",
            swagger_css_url=f"/docs/{_STYLE}",
            swagger_favicon_url=f"/docs/{_ICON}",
            swagger_ui_parameters={"validatorUrl": None},  # else it asks a server elsewhere
        )
        answer.headers["Content-Security-Policy"] = _ONLY_FROM_HERE
        return answer

    for name in (_SCRIPT, _STYLE, _ICON):
        _serve(app, name)


def _serve(app: FastAPI, name: str) -> None:
    @app.get(f"/docs/{name}", include_in_schema=False)
    async def file() -> FileResponse:
        return FileResponse(_assets() / name, headers=_KEEP)


def _assets() -> Path:
    """The folder of the package, which need not be imported for that."""
    spec = find_spec("fastapi_offline")
    assert spec is not None and spec.origin is not None, "it is installed with Shimlet"
    return Path(spec.origin).parent / "static"
