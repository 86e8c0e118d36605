"""Every reason has a name for machines and a sentence for people."""

from shimlet import reasons, sentences


def codes():
    """(constant, code) of every reason."""
    return [(name, getattr(reasons, name)) for name in dir(reasons) if name[0] in UPPER]


UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_codes_are_unique_negative_and_without_gaps():
    numbers = sorted(-code for _, code in codes())
    assert numbers == list(range(1, len(numbers) + 1)), numbers


def test_name_is_the_constant_in_kebab_case():
    for constant, code in codes():
        assert sentences.name(code) == constant.lower().replace("_", "-"), constant


def test_sentence_is_one_for_people():
    for constant, code in codes():
        text = sentences.sentence(code)
        assert text[0] in UPPER, constant
        assert text[-1] in ".?", constant
        assert 15 < len(text) < 100, constant
        assert "_" not in text, constant


def test_sentences_are_unique():
    texts = [sentences.sentence(code) for _, code in codes()]
    assert len(set(texts)) == len(texts)


def test_no_reason_has_neither_name_nor_sentence():
    assert sentences.name(0) == sentences.sentence(0) == ""


def test_a_board_tells_a_name_and_the_sentence_is_found_by_it():
    for _, code in codes():
        assert sentences.sentence_of(sentences.name(code)) == sentences.sentence(code)
    assert sentences.sentence_of("") == sentences.sentence_of("no-such-reason") == ""
