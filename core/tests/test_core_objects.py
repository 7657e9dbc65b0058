"""The corpus of objects: our validators say of each what it tells, and every rule of the API server has its case."""

from collections.abc import Callable

import pytest
from mediamesh_testing.objects import ObjectCase, object_cases

from mediamesh_core.kinds import InvalidKinds, from_object, network_from_object, rules

CASES = list(object_cases())
READ: dict[str, Callable[[object], object]] = {"MediaConnection": from_object, "MediaNetwork": network_from_object}
TEXT_RULES = (rules.NAME, *rules.RECORDING_PATHS, rules.SOCKET, rules.FREE_SOCKET, rules.SECRET, rules.FOREIGN)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_validators_say_what_the_corpus_tells(case: ObjectCase) -> None:
    if not case.core:
        assert READ[case.kind](case.body)
        return
    with pytest.raises(InvalidKinds) as caught:
        READ[case.kind](case.body)
    assert case.core in caught.value.message


def test_what_the_api_server_refuses_we_refuse() -> None:
    assert [str(case) for case in CASES if case.api and not case.core] == []


def test_names_are_unique() -> None:
    names = [str(case) for case in CASES]
    assert len(names) == len(set(names))


def test_every_rule_has_a_case_that_breaks_it() -> None:
    every = [*TEXT_RULES, *(rule for each in rules.RULES.values() for rule in each)]
    assert [rule.message for rule in every if not any(case.api and case.api in rule.message for case in CASES)] == []
