"""What an application writes and loses, put together for a person, and the volumes that would keep it."""

from __future__ import annotations

from fairway.deployments.lost import is_news, named, places_of, untold, volumes_for
from fairway.drivers.runtimes.contract import Written

FILES = [
    Written("uploads/a.png", "/app/uploads"),
    Written("uploads/deep/b.png", "/app/uploads"),
    Written("db.sqlite3"),
    Written("shop/data/x", "/shop/data"),
]


def test_files_in_a_folder_that_could_be_a_volume_are_one_place():
    places = places_of(FILES)
    assert [(one["name"], one["files"], one["target"]) for one in places] == [
        ("db.sqlite3", 1, ""),
        ("shop/data/", 1, "/shop/data"),
        ("uploads/", 2, "/app/uploads"),
    ]
    assert named(places) == "db.sqlite3, shop/data/ (1 file), uploads/ (2 files)"
    assert named([{"name": f"f{number}", "files": 1, "target": ""} for number in range(7)]) == "f0, f1, f2, f3, f4 …"


def test_what_was_put_aside_is_not_told_again_until_there_is_another_place():
    places = places_of(FILES)
    assert untold(places, [one["name"] for one in places]) == []
    assert [one["name"] for one in untold(places, ["uploads/"])] == ["db.sqlite3", "shop/data/"]
    assert is_news(places[:1], places)
    assert not is_news(places, places[:1])


def test_each_place_gets_a_volume_beside_those_there_are():
    found = volumes_for(places_of(FILES), [("uploads", "/elsewhere"), ("kept", "/shop/data")])
    assert found == [("uploads", "/elsewhere"), ("kept", "/shop/data"), ("uploads-2", "/app/uploads")]
    assert volumes_for([{"name": "Ünï/", "files": 1, "target": "/Ünï"}], []) == [("n", "/Ünï")]
    assert volumes_for([{"name": "9/", "files": 1, "target": "/9"}], []) == [("v-9", "/9")]
