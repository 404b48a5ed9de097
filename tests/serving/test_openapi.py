"""Whatever the OpenAPI allows, and what it does not: no answer is a failure of the service."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from eyeground.serving.app import create_app
from eyeground.serving.service import Service

EXAMPLES = int(os.environ.get("EYEGROUND_EXAMPLES", "5"))
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "not allowed"])
def test_no_request_makes_the_service_fail(
    service: Service, screen_all: Callable[..., int], mode: GenerationMode
) -> None:
    named = replace(service, settings=replace(service.settings, hosts=("testserver",)))
    screen_all()  # a worker has lived
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(named))
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        with suppress(Unsatisfiable):  # an operation without a parameter has nothing that is not allowed
            ask()


def test_every_operation_has_words_and_examples(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"
    for name, model in description["components"]["schemas"].items():
        if name.endswith("Answer") or name in ("AcceptedPhoto", "GradeRequest"):
            told = [one for one in model["properties"].values() if "examples" in one or "$ref" in str(one)]
            assert told, name
