"""The small cache."""

from scp_server.storage.sql.remembered import Remembered


def test_what_was_read_is_remembered_until_it_is_forgotten() -> None:
    cache: Remembered[str, int] = Remembered(2)
    cache.put("a", 1, cache.generation)
    assert cache.get("a") == 1
    cache.forget("a")
    assert cache.get("a") is None


def test_a_read_that_began_before_a_write_is_not_remembered_after_it() -> None:
    cache: Remembered[str, int] = Remembered(2)
    generation = cache.generation
    cache.forget("a")
    cache.put("a", 1, generation)
    assert cache.get("a") is None
    generation = cache.generation
    cache.forget_all()
    cache.put("a", 1, generation)
    assert cache.get("a") is None


def test_the_one_used_longest_ago_makes_room() -> None:
    cache: Remembered[str, int] = Remembered(2)
    for number, name in enumerate("abac"):
        if cache.get(name) is None:
            cache.put(name, number, cache.generation)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (0, None, 3)


def test_everything_can_be_forgotten_at_once() -> None:
    cache: Remembered[str, int] = Remembered(2)
    cache.put("a", 1, cache.generation)
    cache.forget_all()
    assert cache.get("a") is None
