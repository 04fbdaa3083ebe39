from base64 import b64encode

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared.masking import MASK, Masker
from fairway.shared.sealing import CannotOpen, Seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(
    st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=4), st.text(), st.text()
)
def test_a_secret_never_survives_masking(secret, before, after):
    masked = Masker([secret])(before + secret + after)
    assert secret not in masked.replace(MASK, "\x00")


def test_encoded_forms_and_the_lines_of_a_key_are_masked_too():
    secret = "p@ss/wörd\nsecond-line"
    text = f"{b64encode(secret.encode()).decode()} p%40ss%2Fw%C3%B6rd second-line"
    assert Masker([secret])(text) == f"{MASK} {MASK} {MASK}"


def test_a_secret_inside_a_longer_one_leaves_nothing_behind():
    assert Masker(["abcd", "abcdefgh"])("abcdefgh") == MASK


def test_very_short_values_are_left_alone():
    assert Masker(["1", "on"])("1 of 10 on") == "1 of 10 on"


def test_what_was_sealed_with_an_old_key_opens_and_is_sealed_anew():
    sealed = Seal([OLD]).seal("secret")
    assert "secret" not in sealed
    rotated = Seal([NEW, OLD]).reseal(sealed)
    assert Seal([NEW]).open(rotated) == "secret"
    with pytest.raises(CannotOpen):
        Seal([NEW]).open(sealed)


def test_a_mark_tells_change_and_stays_after_a_rotation():
    before, after = Seal([OLD]), Seal([NEW, OLD])
    assert before.mark("a") == after.mark("a") != after.mark("b")
    assert "a" * 20 not in before.mark("a" * 20)
