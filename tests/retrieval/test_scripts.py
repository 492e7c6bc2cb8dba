"""Search in languages other than English."""

from __future__ import annotations

import json
import logging
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrieval.conftest import write_corpus
from understudy.retrieval import BuildConfig, CallableEncoder, LexicalIndex, Passage, build_index, lexical_retriever
from understudy.retrieval.passages import JsonlPassages
from understudy.retrieval.scripts import passage_text, query_text

PASSAGES = [
    Passage("zh", "北京", "北京是中华人民共和国的首都，位于华北平原的北部。"),
    Passage("zh2", "上海", "上海是中国最大的城市之一，有著名的外滩。"),
    Passage("zh-tw", "臺北", "臺北市是中華民國的首都。"),
    Passage("ja", "富士山", "富士山は日本で最も高い山であり、静岡県と山梨県にまたがる。"),
    Passage("ja2", "コンピュータ", "コンピュータは計算をする機械である。"),
    Passage("ko", "서울", "서울은 대한민국의 수도이자 최대 도시이다. 한강이 흐른다."),
    Passage("ko2", "부산", "부산은 바다와 가까운 항구 도시이다."),
    Passage("th", "กรุงเทพมหานคร", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"),
    Passage("th2", "เชียงใหม่", "เชียงใหม่อยู่ทางภาคเหนือ มีดอยสุเทพ"),
    Passage("lo", "ວຽງຈັນ", "ວຽງຈັນເປັນນະຄອນຫຼວງຂອງລາວ"),
    Passage("km", "ភ្នំពេញ", "ភ្នំពេញជារាជធានីនៃប្រទេសកម្ពុជា"),
    Passage("my", "ရန်ကုန်", "ရန်ကုန်မြို့သည် မြန်မာနိုင်ငံ၏ အကြီးဆုံးမြို့ဖြစ်သည်"),
    Passage("hi", "दिल्ली", "दिल्ली भारत की राजधानी है।"),
    Passage("ar", "القاهرة", "القاهرة عاصمة مصر."),
    Passage("ru", "Толстой", "Лев Толстой — русский писатель, чей дом стоит в Ясной Поляне."),
    Passage("vi", "Hà Nội", "Hà Nội là thủ đô của Việt Nam."),
    Passage("fr", "Élysée", "Le palais de l’Élysée est une résidence où naît l’été."),
    Passage("el", "Αθήνα", "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας."),
    Passage("mixed", "東京Tower", "Tokyo Tower（東京タワー）has 2 observation decks."),
    Passage("en", "Marie Curie", "She discovered polonium and radium in Paris."),
]


@pytest.fixture(scope="module")
def world() -> LexicalIndex:
    return lexical_retriever(PASSAGES)


@pytest.mark.parametrize(
    ("query", "passage_id"),
    [
        ("中国的首都是哪里", "zh"),
        ("首都 北京", "zh"),
        ("华北平原", "zh"),
        ("外滩", "zh2"),
        ("臺北", "zh-tw"),
        ("滩", "zh2"),
        ("日本で一番高い山は何ですか", "ja"),
        ("静岡県", "ja"),
        ("コンピュータ", "ja2"),
        ("ｺﾝﾋﾟｭｰﾀ", "ja2"),
        ("計算", "ja2"),
        ("대한민국 수도", "ko"),
        ("한강", "ko"),
        ("항구도시", "ko2"),
        ("เมืองหลวงของไทย", "th"),
        ("ดอยสุเทพ", "th2"),
        ("ลาว ວຽງຈັນ", "lo"),
        ("កម្ពុជា", "km"),
        ("မြန်မာ", "my"),
        ("राजधानी", "hi"),
        ("عاصمة", "ar"),
        ("русский", "ru"),
        ("ясной поляне", "ru"),
        ("thủ đô", "vi"),
        ("elysee", "fr"),
        ("ÉTÉ", "fr"),
        ("πρωτεύουσα", "el"),
        ("東京", "mixed"),
        ("tower 東京タワー", "mixed"),
        ("curie", "en"),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_passage_is_found_in_its_own_language(world: LexicalIndex, query: str, passage_id: str, form: str) -> None:
    hits = world.search([unicodedata.normalize(form, query)], 3)[0]  # type: ignore[arg-type]
    assert hits[0].passage.id == passage_id


def test_the_form_of_the_corpus_does_not_matter_either(world: LexicalIndex) -> None:
    decomposed = lexical_retriever(
        [Passage(p.id, unicodedata.normalize("NFD", p.title), unicodedata.normalize("NFD", p.text)) for p in PASSAGES]
    )
    for query in ("Élysée", "Việt", "й", "писатель", "한강", "ダイ", "Ελλάδας"):
        one, other = (
            [(hit.passage.id, hit.score) for hit in index.search([query], 5)[0]] for index in (world, decomposed)
        )
        assert one == other


def test_what_nothing_is_about_finds_nothing(world: LexicalIndex) -> None:
    assert world.search(["猫", "ネコ", "고양이", "…"], 3) == [[], [], [], []]


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_english_is_left_alone(text: str) -> None:
    assert passage_text(text) == query_text(text) == text


@given(st.text(max_size=60))
def test_every_text_can_be_looked_for_by_itself(text: str) -> None:
    assert set(query_text(text).split()) <= set(passage_text(text).split())


@given(st.text("首都北京タワー서울กรงเทพ", min_size=1, max_size=30), st.integers(0, 30), st.integers(1, 30))
def test_any_part_of_a_sentence_can_be_looked_for(text: str, start: int, length: int) -> None:
    part = text[start : start + length]
    assert set(query_text(part).split()) <= set(passage_text(text).split())


def test_vectors_do_not_depend_on_the_form_either(encoder: CallableEncoder) -> None:
    forms = [unicodedata.normalize(form, "Việt Nam") for form in ("NFC", "NFD")]  # type: ignore[arg-type]
    assert np.array_equal(*encoder.encode_queries(forms))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("co\u00adoperate now", "cooperate"),
        ("zero\u200dwidth", "zerowidth"),
        ("café\u200bbar", "cafe"),
        ("\u202eabc\u202c def", "abc"),
        ("İstanbul city", "istanbul"),
        ("ISTANBUL city", "İstanbul"),
        ("Straße in Berlin", "strasse"),
        ("Αθήνα πόλη", "αθηνα"),
        ("Σίσυφος", "ΣΙΣΥΦΟΣ"),
        ("ἄνθρωπος", "ανθρωπος"),
        ("ёлка зелёная", "елка"),
        ("елка", "Ёлка"),
        ("مُحَمَّد النبي", "محمد"),
        ("أحمد كاتب", "احمد"),
        ("مدرســـة", "مدرسه"),
        ("ہندی", "هندی"),
        ("یک کتاب", "كتاب"),
        ("שָׁלוֹם עולם", "שלום"),
        ("year ٢٠٢٤ event", "2024"),
        ("वर्ष २०२४", "2024"),
        ("５０ ㎏ unit", "50 kg"),
        ("1½ cups", "1 1/2"),
        ("Ⅳ century", "iv"),
        ("𝐁𝐨𝐥𝐝 text", "bold"),
        ("the ﬁnance oﬃce", "office"),
        ("ﷺ", "صلى"),
        ("ｶﾀｶﾅ語", "カタカナ"),
    ],
)
def test_a_word_is_found_in_its_other_spellings(text: str, query: str) -> None:
    index = lexical_retriever([Passage("other", "", "nothing of it"), Passage("found", "", text)])
    assert [hit.passage.id for hit in index.search([query], 2)[0]] == ["found"]


def test_words_that_differ_stay_apart() -> None:
    index = lexical_retriever([Passage("0", "", "край йод"), Passage("1", "", "हिंदी"), Passage("2", "", "नमक")])
    assert index.search(["краи иод", "हद", "नमकीन"], 2) == [[], [], []]


def first_format(folder: Path, rows: list[Passage], number: int = 1) -> Path:
    """An index that says it is of an earlier format."""
    corpus = write_corpus(folder / "c.jsonl", rows)
    build_index(BuildConfig(corpus=corpus, folder=folder / "index"), quiet=True)
    facts = json.loads((folder / "index" / "lexical.json").read_text())
    (folder / "index" / "lexical.json").write_text(json.dumps({**facts, "format": number}))
    return folder / "index"


def test_an_index_of_the_first_format_is_searched_as_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = LexicalIndex.open(JsonlPassages(first_format(tmp_path, PASSAGES)), tmp_path / "index")
    assert index.search(["who discovered radium"], 1)[0][0].passage.id == "en"
    with caplog.at_level(logging.WARNING):
        index.search(["首都", "首都"], 1)
    (advice,) = caplog.messages
    assert "build it again" in advice
    made = build_index(BuildConfig(corpus=tmp_path / "c.jsonl", folder=tmp_path / "index"), quiet=True)
    assert made.lexical is not None
    assert made.lexical.format == 3


def test_an_index_of_the_second_format_is_searched_with_the_query_as_it_is(tmp_path: Path) -> None:
    index = LexicalIndex.open(JsonlPassages(first_format(tmp_path, PASSAGES, 2)), tmp_path / "index")
    assert index.search(["北京"], 1)[0][0].passage.id == "zh"
    assert index.search(["Αθήνα"], 1) == [[]], "the words of this index are folded, and the query is not"
