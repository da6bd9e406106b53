"""Importing a layer of neighborhoods: the whole map is replaced at once, and every earlier layer is kept."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select, text

from services.intake.commands.evidence import digest
from services.intake.domain.geography import LayerInvalidError, read_layer
from services.intake.tables import neighborhood, neighborhood_layer
from shared.clock import clock
from shared.db import Database

_NAME_KEYS: Final = ("name", "NAME", "Name", "neighborhood", "COMMUNITY")
"""Where cities write a neighborhood's name; the first one there counts."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What an import did: the layer's version, how many neighborhoods it has, and what was noticed or mended."""

    version: int
    neighborhoods: int
    changed: bool
    """False: exactly this layer was in force already."""
    remarks: tuple[str, ...]


async def replace_layer(db: Database, collection: Mapping[str, Any], *, source: str, approximate: bool) -> LayerReport:
    """Put a GeoJSON FeatureCollection in force as the newest layer. Raises LayerInvalidError naming the feature at fault.

    A feature without a `slug` gets one made of its name.
    """
    layer = read_layer(_labelled(collection))
    rows = [
        {"slug": n.slug, "name": n.name, "geometry": json.loads(json.dumps(n.geometry))} for n in layer.neighborhoods
    ]
    content = digest([source, approximate, sorted(rows, key=lambda row: str(row["slug"]))])
    async with db.transaction() as unit:
        await unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('intake.neighborhood_layer', 1))"))
        newest = (
            await unit.conn.execute(
                select(neighborhood_layer.c.version, neighborhood_layer.c.digest)
                .order_by(neighborhood_layer.c.version.desc())
                .limit(1)
            )
        ).one_or_none()
        if newest is not None and newest.digest == content:
            return LayerReport(newest.version, len(rows), changed=False, remarks=layer.remarks)
        version = newest.version + 1 if newest else 1
        await unit.conn.execute(
            insert(neighborhood_layer).values(
                version=version, source=source, approximate=approximate, digest=content, at=clock("intake")
            )
        )
        await unit.conn.execute(insert(neighborhood), [{"layer_version": version, **row} for row in rows])
    return LayerReport(version, len(rows), changed=True, remarks=layer.remarks)


async def import_file(
    dsn: str, path: Path | str, *, source: str | None = None, approximate: bool = False
) -> LayerReport:
    """Put the GeoJSON file at `path` in force on the server at `dsn`. Raises LayerInvalidError for one that cannot be."""
    file = Path(path)
    try:
        collection = json.loads(await asyncio.to_thread(file.read_text, encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LayerInvalidError(f"{file.name} cannot be read as GeoJSON: {error}") from error
    db = Database(dsn, application="intake-import", pool_size=2)
    try:
        return await replace_layer(db, collection, source=source or file.name, approximate=approximate)
    finally:
        await db.close()


def _labelled(collection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the collection with `slug` and `name` on each feature that has a name of any kind."""
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if not isinstance(features, list):
        raise LayerInvalidError("Not a GeoJSON FeatureCollection with at least one feature.")
    return {**collection, "features": [_labelled_feature(feature) for feature in features]}


def _labelled_feature(feature: Any) -> Any:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    if not isinstance(properties, Mapping):
        return feature
    name = next((properties[key] for key in _NAME_KEYS if isinstance(properties.get(key), str)), None)
    slug = properties.get("slug") or (slug_of(name) if name else None)
    return {**feature, "properties": {**properties, "name": name, "slug": slug}}


def slug_of(name: str) -> str:
    """Return a name as a slug: `Boyle Heights` is `boyle-heights`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
