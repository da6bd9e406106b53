"""docs/plan.schema.json: the JSON Schema of a plan's file, made of the model that the API and `commonground plans` read."""

import json

from services.intake.plan_files import PlanFile


def page() -> str:
    """Return the schema as text."""
    schema = PlanFile.model_json_schema(by_alias=True)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:commonground:plan-file"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"
