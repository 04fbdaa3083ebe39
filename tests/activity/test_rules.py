from fairway.activity.rules import GENESIS, canonical, chained_hash


def test_the_spelling_of_content_does_not_depend_on_the_order_of_its_keys():
    assert canonical({"b": 1, "a": {"d": "é", "c": None}}) == canonical({"a": {"c": None, "d": "é"}, "b": 1})


def test_a_hash_covers_the_content_and_everything_before():
    first = chained_hash(GENESIS, {"verb": "a"})
    assert chained_hash(GENESIS, {"verb": "b"}) != first
    assert chained_hash(first, {"verb": "a"}) != first
