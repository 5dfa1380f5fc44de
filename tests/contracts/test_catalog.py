"""The contract of NamespaceCatalog."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quartzdb.domain.limits import SHARDS_MAX
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.domain.text_fields import LANGUAGES, TextField
from quartzdb.storage.ports import NamespaceCatalog
from tests.contracts.adapters import in_threads

KINDS = {
    "metric": st.sampled_from(Metric),
    "engine": st.sampled_from(EngineChoice),
    "precision": st.sampled_from(Precision),
    "text": st.dictionaries(
        st.sampled_from(["title", "body", "größe", 'a"b']),
        st.builds(TextField, st.sampled_from(LANGUAGES), st.booleans(), st.booleans()),
        max_size=3,
    ),
    "sparse": st.lists(st.sampled_from(["splade", "bm42"]), unique=True).map(tuple),
}
SETTINGS = st.one_of(
    st.builds(NamespaceSettings, dimension=st.none(), **KINDS),
    st.builds(NamespaceSettings, dimension=st.integers(1, 4_096), shards=st.integers(1, SHARDS_MAX), **KINDS),
)


def namespace(
    name: str, generation: str = "g1", tenant: str = "t", settings: NamespaceSettings | None = None
) -> Namespace:
    return Namespace(tenant, name, generation, settings or NamespaceSettings(8), 1_700_000_000_000)


def names(catalog: NamespaceCatalog, tenant: str = "t", **changed: object) -> list[str]:
    asked: dict[str, object] = {"prefix": "", "after": None, "limit": 100}
    return [found.name for found in catalog.list(tenant, **{**asked, **changed})]  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(settings=st.lists(SETTINGS, min_size=1, max_size=3), created_at_ms=st.integers(0, 2**43))
def test_a_namespace_comes_back_as_it_was_created(
    catalog: NamespaceCatalog, settings: list[NamespaceSettings], created_at_ms: int
) -> None:
    """Whatever its settings."""
    for one in settings:
        created = Namespace("t", "n", "g", one, created_at_ms)
        assert catalog.create(created) == created
        assert catalog.get("t", "n") == created
        assert catalog.remove(created)
        assert catalog.pending_deletion() == [created]
        catalog.forget_deleted(created)


def test_a_namespace_that_is_not_there(catalog: NamespaceCatalog) -> None:
    """Names are a tenant's own."""
    catalog.create(namespace("n", tenant="other"))
    assert catalog.get("t", "n") is None
    assert names(catalog) == []
    assert not catalog.remove(namespace("n"))
    assert catalog.pending_deletion() == []


def test_a_taken_name_keeps_its_namespace(catalog: NamespaceCatalog) -> None:
    """Who creates it second learns what is there."""
    first = catalog.create(namespace("n", "g1"))
    assert catalog.create(namespace("n", "g2", settings=NamespaceSettings(99))) == first
    assert catalog.get("t", "n") == first


def test_one_of_many_creations_wins(open_catalog: Callable[[], NamespaceCatalog]) -> None:
    """And all of them are told which."""
    told: list[Namespace] = []
    in_threads(8, lambda number: told.append(open_catalog().create(namespace("n", f"g{number}"))))
    assert set(told) == {open_catalog().get("t", "n")}
    assert len(told) == 8


def test_listing_is_by_name(catalog: NamespaceCatalog) -> None:
    """By prefix, after a name, page by page."""
    for name in ("b", "a-1", "a_1", "a1", "a", "ab", "z", "b0"):
        catalog.create(namespace(name))
    catalog.create(namespace("a2", tenant="other"))
    assert names(catalog) == ["a", "a-1", "a1", "a_1", "ab", "b", "b0", "z"]
    assert names(catalog, prefix="a") == ["a", "a-1", "a1", "a_1", "ab"]
    assert names(catalog, prefix="a_") == ["a_1"]
    assert names(catalog, prefix="a", after="a1", limit=2) == ["a_1", "ab"]
    assert names(catalog, prefix="a", after="a1", limit=1) == ["a_1"]
    assert names(catalog, prefix="b", after="a") == ["b", "b0"]
    assert names(catalog, prefix="a", after="b") == []
    assert names(catalog, prefix="%") == []
    assert names(catalog, prefix="\U0010ffff") == []
    assert [catalog.count("t", limit) for limit in (3, 8, 100)] == [3, 8, 8]
    assert catalog.count("other", 100) == 1
    assert catalog.count("nobody", 100) == 0


def test_only_the_named_generation_is_removed(catalog: NamespaceCatalog) -> None:
    """A late deletion does not hit the namespace that was created since."""
    old, new = namespace("n", "g1"), namespace("n", "g2")
    catalog.create(old)
    assert catalog.remove(old)
    assert not catalog.remove(old)
    catalog.create(new)
    assert not catalog.remove(old)
    assert catalog.get("t", "n") == new
    assert catalog.remove(new)
    assert catalog.get("t", "n") is None


def test_removed_generations_are_remembered_until_forgotten(
    open_catalog: Callable[[], NamespaceCatalog],
) -> None:
    """Also by the next process: their data may still be there."""
    catalog = open_catalog()
    generations = [namespace("n", f"g{number}") for number in range(3)]
    for generation in generations:
        catalog.create(generation)
        catalog.remove(generation)
    assert list(open_catalog().pending_deletion()) == generations
    catalog.forget_deleted(generations[1])
    catalog.forget_deleted(generations[1])
    catalog.forget_deleted(namespace("never", "was"))
    assert list(open_catalog().pending_deletion()) == [generations[0], generations[2]]


def test_one_of_many_removals_wins(catalog: NamespaceCatalog) -> None:
    """Only one caller is told that it was the one."""
    catalog.create(namespace("n"))
    removed: list[bool] = []
    in_threads(8, lambda number: removed.append(catalog.remove(namespace("n"))))
    assert sorted(removed) == [False] * 7 + [True]


def test_everything_is_every_tenants(catalog: NamespaceCatalog) -> None:
    """But not what was removed."""
    kept = [namespace("a", tenant="t1"), namespace("b", tenant="t1"), namespace("a", tenant="t2")]
    for one in [*kept, namespace("gone")]:
        catalog.create(one)
    catalog.remove(namespace("gone"))
    assert list(catalog.all_namespaces()) == kept


def test_declaring_fields(catalog: NamespaceCatalog) -> None:
    """Once, by the same generation, and nothing else of the settings changes."""
    catalog.create(namespace("n", settings=NamespaceSettings(8, shards=3)))
    catalog.create(namespace("o"))
    text = NamespaceSettings(99, text={"body": TextField("german")}, sparse=("splade",))
    wanted = namespace("n", settings=NamespaceSettings(8, shards=3, text=text.text, sparse=text.sparse))
    assert catalog.declare(namespace("n", "g2", settings=text)) is None
    assert catalog.declare(namespace("p", settings=text)) is None
    assert catalog.declare(namespace("n", settings=text)) == wanted
    other = NamespaceSettings(8, text={"title": TextField()})
    assert catalog.declare(namespace("n", settings=other)) == wanted
    assert catalog.get("t", "n") == wanted
    assert catalog.get("t", "o") == namespace("o")
    assert catalog.remove(wanted)
