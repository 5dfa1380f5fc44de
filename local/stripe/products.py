"""Products: what is sold. What they cost is in prices.py."""

from __future__ import annotations

from stripe.params import (
    ProductCreateParams,
    ProductDeleteParams,
    ProductListParams,
    ProductRetrieveParams,
    ProductUpdateParams,
)

from local.stripe import events, metadata
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_SAID = "name active description metadata unit_label url statement_descriptor"


def make(world: World, given: Given) -> Object:
    """Raises Refused where the id is taken."""
    identity = given.get("id") or world.ids.new("prod")
    if world.store.find("product", identity) is not None:
        raise Refused("Product already exists.", code="resource_already_exists", param="id")
    product = world.store.add(
        "product",
        {
            "id": identity,
            "object": "product",
            "active": True,
            "created": world.wall(),
            "default_price": None,
            "description": None,
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": {},
            "name": given["name"],
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": None,
            "updated": world.wall(),
            "url": None,
        },
    )
    _set(world, product, given)
    events.emit(world, "product.created", product)
    return product


def _set(world: World, product: Object, given: Given) -> None:
    if given.get("name") == "":
        raise Refused("Invalid name: must not be empty", code="parameter_invalid_empty", param="name")
    for name in ("name", "active", "description", "unit_label", "url", "statement_descriptor"):
        if name in given:
            product[name] = given[name] if given[name] != "" else None
    if "default_price" in given:
        price = world.store.get("price", given["default_price"], param="default_price", status=400)
        product["default_price"] = price["id"]
    metadata.apply(product, given)


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, make(world, given))


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    product = world.store.change("product", ids[0])
    before = show(world, product)
    _set(world, product, given)
    product["updated"] = world.wall()
    events.emit(world, "product.updated", product, before)
    return show(world, product)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("product", ids[0]))


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    product = world.store.get("product", ids[0])
    if any(price["product"] == product["id"] for price in world.store.all("price").values()):
        raise Refused("This product cannot be deleted because it has one or more user-created prices.")
    events.emit(world, "product.deleted", product)
    world.store.remove("product", ids[0])
    return {"id": ids[0], "object": "product", "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("product").values()
        if given.get("active", each["active"]) == each["active"]
        and each["id"] in given.get("ids", [each["id"]])
    ]
    return page(rows, given, "/v1/products")


ROUTES = (
    Route("POST", "/v1/products", ProductCreateParams, f"{_SAID} id", _create),
    Route("GET", "/v1/products", ProductListParams, f"{CURSORS} active ids", _list),
    Route("GET", "/v1/products/{}", ProductRetrieveParams, "", _retrieve),
    Route("POST", "/v1/products/{}", ProductUpdateParams, f"{_SAID} default_price", _update),
    Route("DELETE", "/v1/products/{}", ProductDeleteParams, "", _delete),
)
