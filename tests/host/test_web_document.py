"""The OpenAPI document and /docs: complete, true, and without an address outside.

Examples are held against their schemas, and the requests among them are sent to a real node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import jsonschema_rs
import pytest
from host.processes import NodeProcess, running
from host.test_access import WITH_PASSWORD, WORLD
from host.test_web import RecordingNode
from shimlet_host.web import Access, create_app

Document = dict[str, Any]
EXISTING = {
    "/manualpeering/peers": {"get", "post", "delete"},
    "/autopeering/neighbors": {"get"},
}


def document(access: Access | None = None) -> Document:
    """What a node that listens like this serves."""

    return create_app(RecordingNode(), access).openapi()


DOCUMENT = document()


def operations(told: Document = DOCUMENT) -> Iterator[tuple[str, str, Document]]:
    """Path, method and description of each."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(part: Document) -> Document:
    """What a $ref stands for."""
    while "$ref" in part:
        target = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def contents(operation: Document) -> Iterator[tuple[str, str, Document]]:
    """Every body of an operation: "request" or a status, its media type, schema and example."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media, content
    for status, answer in operation["responses"].items():
        for media, content in resolved(answer).get("content", {}).items():
            yield status, media, content


def assert_fits(content: Document, value: object, where: object) -> None:
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    errors = [e.message for e in jsonschema_rs.Draft202012Validator(schema).iter_errors(value)]
    assert not errors, (where, errors, value)


def test_operations_have_names_descriptions_and_valid_schemas() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    schemas = [
        content["schema"] for _, _, each in operations() for _, _, content in contents(each)
    ]
    for schema in schemas:
        jsonschema_rs.meta.validate(schema)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) > 10
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"].endswith("."), name
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, method, operation in operations():
        assert set(operation["tags"]) <= tags, (path, method)
        assert operation["description"].endswith("."), (path, method)


def test_every_endpoint_of_existing_nodes_is_there() -> None:
    for path, methods in EXISTING.items():
        assert methods <= DOCUMENT["paths"][path].keys()


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    seen = 0
    for path, method, operation in operations():
        for which, media, content in contents(operation):
            where = (method, path, which)
            assert content.get("example") not in (None, "", [], {}), where
            assert media in ("application/json", "text/plain", "text/event-stream"), where
            assert_fits(content, content["example"], where)
            seen += 1
    assert seen > 60


def test_every_refusal_has_the_error_model() -> None:
    for path, method, operation in operations():
        refusals = {status: a for status, a in operation["responses"].items() if status >= "400"}
        expected = {"403", "429", "500", "503"}
        expected |= {"400"} if operation.keys() & {"requestBody", "parameters"} else set()
        expected |= {"408", "413"} if "requestBody" in operation else set()
        assert refusals.keys() == expected, (method, path)
        for answer in refusals.values():
            content = resolved(answer)["content"]["application/json"]
            assert content["schema"]["$ref"].endswith("/ErrorShape")
            assert content["example"]["error"].endswith(".")


@pytest.mark.parametrize(
    ("access", "guarded"),
    [
        (Access(), set[str]()),
        (WORLD, {"addPeers", "removePeers", "markPeers", "publish"}),
        (
            WITH_PASSWORD,
            {o["operationId"] for _, _, o in operations()} - {"live", "ready", "health"},
        ),
    ],
)
def test_the_document_tells_which_secrets_this_node_needs(
    access: Access, guarded: set[str]
) -> None:
    told = document(access)
    schemes = told["components"]["securitySchemes"]
    assert {each["scheme"] for each in schemes.values()} == {"bearer", "basic"}
    secured = {o["operationId"] for _, _, o in operations(told) if "security" in o}
    with_401 = {o["operationId"] for _, _, o in operations(told) if "401" in o["responses"]}
    assert secured == with_401 == guarded
    for _, _, operation in operations(told):
        for need in operation.get("security", []):
            assert need.keys() <= schemes.keys()


def test_the_examples_work_at_a_real_node(tmp_path: Path) -> None:
    order = ["addPeers", "markPeers", "publish", "removePeers"]  # what is marked must be there
    by_name = {o["operationId"]: (path, m, o) for path, m, o in operations()}
    others = sorted(by_name.keys() - {*order, "events"})
    node = NodeProcess(tmp_path / "node")
    with running(node), httpx.Client(base_url=node.url, timeout=30) as client:
        for name in order[:-1] + others + order[-1:]:
            path, method, operation = by_name[name]
            request = operation.get("requestBody", {}).get("content", {})
            example = request.get("application/json", {}).get("example")
            answer = client.request(method, path, json=example)
            promised = [status for status in operation["responses"] if status < "300"]
            assert [str(answer.status_code)] == promised, (name, answer.text)
            content = resolved(operation["responses"][promised[0]]).get("content", {})
            media = answer.headers.get("content-type", "").partition(";")[0]
            assert list(content) == ([media] if media else []), name
            if media == "application/json":
                assert_fits(content[media], answer.json(), name)
            if name == "listPeers":
                assert_same_form(answer.json(), content[media]["example"])
        assert client.get("/manualpeering/peers").json() == []


def assert_same_form(answer: Any, example: Any) -> None:
    """The example of a list shows what really comes, to the field."""
    assert [each.keys() for each in answer] == [each.keys() for each in example]


def test_the_page_takes_nothing_from_outside(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node")
    with running(node), httpx.Client(base_url=node.url, timeout=30) as client:
        page = client.get("/docs")
        assert page.status_code == 200
        assert re.findall(r"(?:https?:)?//[\w.-]+", page.text) == []
        assert '"validatorUrl": null' in page.text, "Swagger UI would send the document elsewhere"
        assert page.headers["content-security-policy"].startswith("default-src 'self';")
        wanted = re.findall(r"(?:src|href|url)(?:=|: )[\"']([^\"']+)[\"']", page.text)
        kinds = {}
        for address in wanted:
            assert urlsplit(address).netloc == "", address
            file = client.get(urljoin("/docs", address))
            assert file.status_code == 200 and file.content, address
            kinds[address.rpartition(".")[2]] = file.headers["content-type"].partition(";")[0]
        assert kinds == {
            "js": "text/javascript",
            "css": "text/css",
            "png": "image/png",
            "json": "application/json",
        }
        assert len(client.get("/docs/swagger-ui-bundle.js").content) > 1_000_000
        for gone in ("/redoc", "/docs/oauth2-redirect", "/docs/../config.json", "/docs/x.js"):
            assert client.get(gone).status_code == 404, gone


def test_the_start_loads_neither_the_page_nor_the_metrics() -> None:
    import subprocess
    import sys

    code = "import shimlet_host.service, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "fastapi" in loaded
    assert not loaded & {"prometheus_client", "fastapi_offline", "httpx", "nicegui"}
