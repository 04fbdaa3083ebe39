"""What an application writes and loses, put together for a person, and the volumes that would keep it."""

from __future__ import annotations

from fairway.deployments.lost import group_writes, has_new_entry, in_words, not_dismissed, volumes_for
from fairway.drivers.runtimes.contract import Written

FILES = [
    Written("uploads/a.png", "/app/uploads"),
    Written("uploads/deep/b.png", "/app/uploads"),
    Written("db.sqlite3"),
    Written("shop/data/x", "/shop/data"),
]


def test_files_in_a_folder_that_could_be_a_volume_are_one_entry():
    entries = group_writes(FILES)
    assert [(one["name"], one["files"], one["target"]) for one in entries] == [
        ("db.sqlite3", 1, ""),
        ("shop/data/", 1, "/shop/data"),
        ("uploads/", 2, "/app/uploads"),
    ]
    assert in_words(entries) == "db.sqlite3, shop/data/ (1 file), uploads/ (2 files)"
    assert in_words([{"name": f"f{number}", "files": 1, "target": ""} for number in range(7)]) == "f0, f1, f2, f3, f4 …"


def test_what_was_dismissed_stays_so_until_there_is_another_entry():
    entries = group_writes(FILES)
    assert not_dismissed(entries, [one["name"] for one in entries]) == []
    assert [one["name"] for one in not_dismissed(entries, ["uploads/"])] == ["db.sqlite3", "shop/data/"]
    assert has_new_entry(entries[:1], entries)
    assert not has_new_entry(entries, entries[:1])


def test_each_entry_gets_a_volume_beside_those_there_are():
    found = volumes_for(group_writes(FILES), [("uploads", "/elsewhere"), ("kept", "/shop/data")])
    assert found == [("uploads", "/elsewhere"), ("kept", "/shop/data"), ("uploads-2", "/app/uploads")]
    assert volumes_for([{"name": "Ünï/", "files": 1, "target": "/Ünï"}], []) == [("n", "/Ünï")]
    assert volumes_for([{"name": "9/", "files": 1, "target": "/9"}], []) == [("v-9", "/9")]
