import base64

import pytest

from infra.sealing import Sealer
from schemas.errors import BadSettings

SECRET = "a master secret of more than 32 characters"
SIGNING_KEY = bytes(range(32))


def test_what_was_sealed_opens_again() -> None:
    sealer = Sealer(SECRET)
    assert sealer.open("key-id-0001", sealer.seal("key-id-0001", SIGNING_KEY)) == SIGNING_KEY


def test_another_process_with_the_same_secret_opens_it() -> None:
    assert Sealer(SECRET).open("k", Sealer(SECRET).seal("k", SIGNING_KEY)) == SIGNING_KEY


def test_a_text_sealed_by_the_first_version_still_opens() -> None:
    """The form on the topic outlives releases: this text must open for ever."""
    sealed = "v1.AAECAwQFBgcICQoLFHcmuWBQM9FBsvj-IMXCNAgxCWqtYK-f6UMr3a52vRlkUXkFQHVMGC1ZquiTsO-8"
    assert Sealer(SECRET).open("key-id-0001", sealed) == SIGNING_KEY


def test_sealing_twice_gives_two_texts() -> None:
    sealer = Sealer(SECRET)
    assert sealer.seal("k", SIGNING_KEY) != sealer.seal("k", SIGNING_KEY)


@pytest.mark.contract("K8")
@pytest.mark.parametrize("position", [0, 3, 10, 30, 80])
def test_an_altered_text_does_not_open(position: int) -> None:
    sealed = Sealer(SECRET).seal("k", SIGNING_KEY)
    other = "A" if sealed[position] != "A" else "B"
    with pytest.raises(BadSettings):
        Sealer(SECRET).open("k", sealed[:position] + other + sealed[position + 1 :])


@pytest.mark.parametrize("sealed", ["", "v1.", "v2.AAAA", "v1.not base64!", "v1.AAAA", "v1.é"])
def test_what_is_no_sealed_text_is_refused(sealed: str) -> None:
    with pytest.raises(BadSettings):
        Sealer(SECRET).open("k", sealed)


def test_blanks_within_the_text_are_an_alteration() -> None:
    sealed = Sealer(SECRET).seal("k", SIGNING_KEY)
    with pytest.raises(BadSettings):
        Sealer(SECRET).open("k", sealed[:20] + "\n" + sealed[20:])


@pytest.mark.contract("K8")
def test_it_opens_under_no_other_key_id() -> None:
    with pytest.raises(BadSettings):
        Sealer(SECRET).open("other", Sealer(SECRET).seal("k", SIGNING_KEY))


@pytest.mark.contract("K8")
def test_it_opens_under_no_other_secret_and_the_message_tells_none() -> None:
    sealed = Sealer(SECRET).seal("k", SIGNING_KEY)
    with pytest.raises(BadSettings, match="WEIR_MASTER_SECRET") as caught:
        Sealer(SECRET + "!").open("k", sealed)
    assert caught.value.__cause__ is None
    for secret in (SECRET, sealed, SIGNING_KEY.hex(), base64.b64encode(SIGNING_KEY).decode()):
        assert secret not in str(caught.value)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(BadSettings, match="32 characters") as caught:
        Sealer("too short")
    assert "too short" not in str(caught.value)


def test_its_repr_shows_nothing() -> None:
    assert SECRET not in repr(Sealer(SECRET))
    assert not hasattr(Sealer(SECRET), "__dict__")
