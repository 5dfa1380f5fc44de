"""The contract of ReminderStore."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quartzdb.storage.ports import ReminderStore
from tests.contracts import adapters
from tests.contracts.adapters import Storage


@pytest.fixture(params=adapters.REMINDERS)
def open_reminders(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], ReminderStore]:
    return lambda: adapters.REMINDERS[request.param](storage)


def test_what_was_put_is_there_for_the_next_process(open_reminders: Callable[[], ReminderStore]) -> None:
    """By its name, and listed by the beginning of it; putting it again changes nothing."""
    store = open_reminders()
    assert store.names("") == []
    assert store.get("keys/a") is None
    store.put("keys/a", b"key")
    for name in ("reminders/t/n/g/1-asked", "reminders/t/n/g/1-done"):
        for _ in range(2):
            store.put(name, name.encode())
    assert open_reminders().get("keys/a") == b"key"
    assert sorted(open_reminders().names("")) == [
        "keys/a",
        "reminders/t/n/g/1-asked",
        "reminders/t/n/g/1-done",
    ]
    assert sorted(open_reminders().names("reminders/")) == [
        "reminders/t/n/g/1-asked",
        "reminders/t/n/g/1-done",
    ]
    assert open_reminders().get("reminders/t/n/g/1-done") == b"reminders/t/n/g/1-done"


def test_what_is_removed_is_gone(open_reminders: Callable[[], ReminderStore]) -> None:
    """One that is not there is no error."""
    store = open_reminders()
    store.put("reminders/t/n/g/1-done", b"1")
    store.put("reminders/t/n/g/2-done", b"2")
    store.remove(["reminders/t/n/g/1-done", "reminders/t/n/g/3-done"])
    assert open_reminders().names("reminders/") == ["reminders/t/n/g/2-done"]
    assert store.get("reminders/t/n/g/1-done") is None
