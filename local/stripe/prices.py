"""Prices of products: once or recurring, flat or by what a meter counted. Exact to twelve decimals of a cent."""

from __future__ import annotations

from decimal import Decimal

from stripe.params import PriceCreateParams, PriceListParams, PriceRetrieveParams, PriceUpdateParams

from local.stripe import events, metadata, products
from local.stripe.amounts import AMOUNT_MAX, text
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_DECIMALS_MAX = 12
_CURRENCY_LETTERS = 3
_INTERVALS_MAX = {"day": 1095, "week": 156, "month": 36, "year": 3}


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    currency = given["currency"].lower()
    if len(currency) != _CURRENCY_LETTERS or not currency.isalpha():
        raise Refused(f"Invalid currency: {currency}", param="currency")
    amount = _amount(given)
    product = _product(world, given)
    whole = amount == amount.to_integral_value()
    price = world.store.add(
        "price",
        {
            "id": world.ids.new("price", 24),
            "object": "price",
            "active": given.get("active", True),
            "billing_scheme": "per_unit",
            "created": world.wall(),
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": given.get("nickname"),
            "product": product,
            "recurring": _recurring(world, given["recurring"]) if "recurring" in given else None,
            "tax_behavior": given.get("tax_behavior", "unspecified"),
            "tiers_mode": None,
            "transform_quantity": given.get("transform_quantity"),
            "type": "recurring" if "recurring" in given else "one_time",
            "unit_amount": int(amount) if whole else None,
            "unit_amount_decimal": text(amount),
        },
    )
    metadata.apply(price, given)
    _look_up(world, price, given)
    events.emit(world, "price.created", price)
    return show(world, price)


def _amount(given: Given) -> Decimal:
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        raise Refused(
            "You must specify either `unit_amount` or `unit_amount_decimal`, and not both.",
            code="parameters_exclusive" if "unit_amount" in given else "parameter_missing",
            param="unit_amount",
        )
    name = "unit_amount" if "unit_amount" in given else "unit_amount_decimal"
    amount = Decimal(given[name])
    exponent = amount.normalize().as_tuple().exponent
    if not 0 <= amount <= AMOUNT_MAX or (isinstance(exponent, int) and -exponent > _DECIMALS_MAX):
        raise Refused(
            f"Invalid {name}: at most {AMOUNT_MAX} cents, not below 0, with at most {_DECIMALS_MAX} decimals",
            param=name,
        )
    return amount


def _product(world: World, given: Given) -> str:
    if "product_data" in given:
        return str(products.make(world, given["product_data"])["id"])
    if "product" not in given:
        raise Refused("Missing required param: product.", code="parameter_missing", param="product")
    return str(world.store.get("product", given["product"], param="product", status=400)["id"])


def _recurring(world: World, said: Given) -> Object:
    count, metered = said.get("interval_count", 1), said.get("usage_type") == "metered"
    if not 1 <= count <= _INTERVALS_MAX[said["interval"]]:
        raise Refused("Invalid interval_count: at most three years", param="recurring[interval_count]")
    if metered != ("meter" in said):
        raise Refused(
            "Metered prices must be backed by a meter, and only they: pass `recurring[meter]` together with "
            "`recurring[usage_type]=metered`.",
            param="recurring[meter]",
        )
    if metered:
        meter = world.store.get("billing.meter", said["meter"], param="recurring[meter]", status=400)
        if meter["status"] != "active":
            raise Refused("The meter is not active.", param="recurring[meter]")
    return {
        "interval": said["interval"],
        "interval_count": count,
        "meter": said.get("meter"),
        "trial_period_days": None,
        "usage_type": "metered" if metered else "licensed",
    }


def _look_up(world: World, price: Object, given: Given) -> None:
    """A lookup key leads to one price. It moves only where that is asked for."""
    if "lookup_key" not in given:
        return
    key = given["lookup_key"] or None
    for other in list(world.store.all("price").values()) if key else ():
        if other["lookup_key"] != key or other["id"] == price["id"]:
            continue
        if not given.get("transfer_lookup_key"):
            raise Refused(f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key")
        holder = world.store.change("price", other["id"])
        before = show(world, holder)
        holder["lookup_key"] = None
        events.emit(world, "price.updated", holder, before)
    price["lookup_key"] = key


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    price = world.store.change("price", ids[0])
    before = show(world, price)
    for name in ("active", "nickname", "tax_behavior"):
        if name in given:
            price[name] = given[name] if given[name] != "" else None
    _look_up(world, price, given)
    metadata.apply(price, given)
    events.emit(world, "price.updated", price, before)
    return show(world, price)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("price", ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [show(world, each) for each in world.store.all("price").values() if _is_wanted(each, given)]
    return page(rows, given, "/v1/prices")


def _is_wanted(price: Object, given: Given) -> bool:
    recurring = price["recurring"] or {}
    return (
        all(given.get(name, price[name]) == price[name] for name in ("active", "currency", "product", "type"))
        and ("lookup_keys" not in given or price["lookup_key"] in given["lookup_keys"])
        and all(recurring.get(name) == value for name, value in given.get("recurring", {}).items())
    )


ROUTES = (
    Route(
        "POST",
        "/v1/prices",
        PriceCreateParams,
        "currency active product product_data.name product_data.id product_data.metadata product_data.active "
        "product_data.unit_label product_data.statement_descriptor recurring.interval "
        "recurring.interval_count recurring.meter recurring.usage_type nickname metadata lookup_key "
        "transfer_lookup_key tax_behavior transform_quantity unit_amount unit_amount_decimal",
        _create,
    ),
    Route(
        "GET",
        "/v1/prices",
        PriceListParams,
        f"{CURSORS} active currency product type lookup_keys recurring",
        _list,
    ),
    Route("GET", "/v1/prices/{}", PriceRetrieveParams, "", _retrieve),
    Route(
        "POST",
        "/v1/prices/{}",
        PriceUpdateParams,
        "active nickname metadata lookup_key transfer_lookup_key tax_behavior",
        _update,
    ),
)
