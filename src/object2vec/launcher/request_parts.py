"""What the bodies of several Create calls have in common."""

from collections.abc import Mapping

from object2vec.launcher.locations import S3Location

JSON_LINES = "application/jsonlines"

Body = dict[str, object]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API has them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def s3_source(place: S3Location) -> Body:
    """Return all objects below a prefix, as the API names them."""
    return {"S3DataType": "S3Prefix", "S3Uri": str(place)}


def some(**members: object) -> Body:
    """Return those members that hold something."""
    return {name: value for name, value in members.items() if value not in (None, [], {})}
