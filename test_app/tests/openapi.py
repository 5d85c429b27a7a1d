"""Validate requests and answers with Twilio's own OpenAPI descriptions.

The descriptions are beside the checkout, in `../shared/spec`. They are not part of the project.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec"
FILES = ("twilio_verify_v2.yaml", "twilio_lookups_v1.yaml", "twilio_lookups_v2.yaml")
HERE = (SPEC / FILES[0]).is_file()


@lru_cache
def load(name: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load((SPEC / name).read_text(), loader)
    return found


@lru_cache
def operation(method: str, path: str) -> tuple[str, str, dict[str, Any]]:
    """Return the file, the path template and the description of the operation for a method and path."""
    # Try templates with fewer parameters first: they are more specific.
    for name in FILES:
        for template in sorted(load(name)["paths"], key=lambda t: t.count("{")):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            item = load(name)["paths"][template]
            if re.fullmatch(pattern, path) and method.lower() in item:
                return name, template, item[method.lower()]
    raise AssertionError(f"Twilio describes no {method} {path}")


def _nullable(node: Any, always: bool) -> Any:
    """Convert OpenAPI's `nullable` to JSON Schema. If `always` is True, every value may be null."""
    if isinstance(node, list):
        return [_nullable(v, always) for v in node]
    if not isinstance(node, dict):
        return node
    out = {k: _nullable(v, always) for k, v in node.items()}
    if "type" in out and (out.get("nullable") or out["type"] == "object" or always):
        out["type"] = [out["type"], "null"] if isinstance(out["type"], str) else out["type"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out


@lru_cache
def _validator(name: str, pointer: str) -> Draft4Validator:
    document = load(name)
    node: Any = document
    for part in pointer.split("\0"):
        node = node[part]
    # Most examples of Lookups v2 have nulls in fields that are not described as nullable.
    always = name == "twilio_lookups_v2.yaml"
    schema = {"components": _nullable(document["components"], always), **_nullable(node, always)}
    return Draft4Validator(schema)


def assert_answer(method: str, path: str, status: int, body: Any) -> None:
    """Assert that an answer has the status, the keys and the types that Twilio describes."""
    name, template, described = operation(method, path)
    response = described["responses"][str(status)]
    if "content" not in response:
        assert body is None, (method, template)
        return
    content = response["content"]["application/json"]
    pointer = "\0".join(
        ["paths", template, method.lower(), "responses", str(status), "content", "application/json", "schema"]
    )
    problems = [e.message for e in _validator(name, pointer).iter_errors(body)]
    assert not problems, (method, template, problems)
    # A schema without `required` accepts an empty answer. The examples show the keys.
    keys = [set(example["value"]) for example in content.get("examples", {}).values()]
    assert not keys or set(body) in keys, (method, template, set(body) ^ keys[0])


def assert_request(method: str, path: str, values: dict[str, Any]) -> None:
    """Assert that Twilio describes every parameter and allows its value."""
    _name, template, described = operation(method, path)
    known = {p["name"]: p["schema"] for p in described.get("parameters", ()) if p["in"] == "query"}
    required: set[str] = {
        p["name"] for p in described.get("parameters", ()) if p["in"] == "query" and p.get("required")
    }
    for form in described.get("requestBody", {}).get("content", {}).values():
        known |= form["schema"]["properties"]
        required |= set(form["schema"].get("required", ()))
    assert set(values) <= set(known), (method, template, set(values) - set(known))
    assert required <= set(values), (method, template, required - set(values))
    for key, value in values.items():
        enum = known[key].get("enum")
        assert not enum or value in enum, (key, value)


def parameters(method: str, path: str) -> set[str]:
    """Return the names of the body's parameters of an operation, as twilio-python spells them."""
    name, _template, described = operation(method, path)
    [content] = described["requestBody"]["content"].values()
    schema = content["schema"]
    if "$ref" in schema:
        schema = load(name)["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower() for key in schema["properties"]}
