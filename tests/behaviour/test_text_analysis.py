"""What the words of a text are: in languages with spaces and without, by stem or as written. Stored for years."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import pytest

from quartzdb.domain.text_fields import LANGUAGES, TextField
from quartzdb.storage.index.text.analysis import ANALYSER_VERSION, WORD_CHARACTERS_MAX, Analyser
from quartzdb.storage.index.text.scripts import MARKS


def words(
    text: str, language: str = "english", *, stemming: bool = True, stopwords: bool = True
) -> list[str]:
    """The stems that an index has of a text."""
    analyser = Analyser(TextField(language, stemming, stopwords))
    return [stem for word in analyser.words(text) if (stem := analyser.stems[word])]


@pytest.mark.parametrize(
    ("language", "text", "stems"),
    [
        ("english", "The runner's RUNNING quickly: don't stop!", "runner run quick don stop"),
        (
            "english",
            "Café naïve straße STRASSE ﬁnal iPhone15 snake_case",
            "cafe naiv strass strass final iphone15 snake_cas",
        ),
        ("other", "The runner's RUNNING", "the runner running"),
        ("german", "Die Häuser der großen Städte", "haus gross stadt"),
        ("french", "L'avion qu'il a élevé", "avion elev"),
        ("spanish", "Las canciones de los niños", "cancion nin"),
        ("italian", "Le città degli uomini", "citt uomin"),
        ("portuguese", "As canções das crianças", "canco crianc"),
        ("dutch", "De huizen van de steden", "huis steed"),
        ("swedish", "Husen i de stora städerna", "hus stor stad"),
        ("norwegian", "Husene i de store byene", "hus stor byen"),
        ("danish", "Husene i de store byer", "hus stor byer"),
        ("finnish", "Talot suurissa kaupungeissa", "talo suur kaupung"),
        ("russian", "Книги были прочитаны", "книг прочита"),
        ("turkish", "IŞIK İstanbul'da evler", "ısık istanbul da ev"),
        ("greek", "Οι άνθρωποι", "οι ανθρωπ"),
        ("arabic", "المدرسي", "مدرس"),
        ("hindi", "हिन्दी भाषाओं", "हिन्द भाष"),
        ("tamil", "புத்தகங்கள்", "புத்தகம்"),
        ("polish", "książki", "ksiazk"),
        ("czech", "knihách", "knih"),
    ],
)
def test_words_of_languages_with_spaces(language: str, text: str, stems: str) -> None:
    """Case and accents of Latin letters do not count, stop words and single characters are left out. Whatever changes
    here changes what segments have: raise ANALYSER_VERSION with it.
    """
    assert ANALYSER_VERSION == 1
    assert words(text, language) == stems.split()


@pytest.mark.parametrize(
    ("language", "text", "pairs"),
    [
        ("chinese", "北京大学", "北京 京大 大学 学"),
        ("japanese", "東京都に行く", "東京 京都 都に に行 行く く"),
        ("japanese", "iPhone15発売、ﾃｽﾄ", "iphone15 発売 売 テス スト ト"),
        ("thai", "ภาษาไทย", "ภา าษ ษา าไ ไท ทย ย"),
        ("korean", "한국어 문서", "한국 국어 어 문서 서"),
        ("lao", "ລາວ", "ລາ າວ ວ"),
        ("khmer", "ខ្មែរ", "ខ្មែ មែរ រ"),
        ("english", "the 東京 tower", "東京 京 tower"),
    ],
)
def test_words_of_scripts_without_spaces(language: str, text: str, pairs: str) -> None:
    """Each character, with its marks, together with the next one; in a text of any language."""
    assert words(text, language) == pairs.split()


def test_a_query_in_such_a_script_asks_for_pairs_alone() -> None:
    """The last character by itself is there for who asks for a single one."""
    analyser = Analyser(TextField("japanese"))
    asked = [analyser.stems[word] for word in analyser.query_words("東京都 猫 iPhone")]
    assert asked == ["東京", "京都", "", "猫", "iphone"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_be_analysed(language: str) -> None:
    """With everything, and with nothing but words."""
    assert words("vitamin 12", language)[-1] == "12"
    assert words("vitamin 12", language, stemming=False, stopwords=False) == ["vitamin", "12"]


def test_stop_words_and_stems_can_be_kept() -> None:
    """Each by itself."""
    assert words("the wings", stopwords=False) == ["the", "wing"]
    assert words("the wings", stemming=False) == ["wings"]


def test_a_word_without_end_is_cut() -> None:
    """Nobody types it, and a dictionary would be made of nothing else."""
    assert words("x" * 30_000, "other") == ["x" * WORD_CHARACTERS_MAX]


def test_marks_are_those_of_unicode() -> None:
    """The table is written down, so that another Python has no other words; it has what Unicode 14 has."""
    mark = re.compile(f"[{MARKS}]")
    for code in range(0x300, 0x10000):
        character = chr(code)
        if 0xFE00 <= code <= 0xFE0F:
            assert not mark.match(character)  # variation selectors
        elif mark.match(character):
            assert unicodedata.category(character) in {"Mn", "Mc"}, hex(code)
    for character in "\u0301\u0902\u093e\u0e31\u0e4d\u0bbe\u064b":
        assert mark.match(character)


def test_a_database_without_text_imports_none_of_it(tmp_path: object) -> None:
    """No stemmer, no analysis, no part of a segment: neither to write, nor to fold, nor to search."""
    program = """
import sys
import numpy as np
from pathlib import Path
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from tests.embedded import embedded, fold
site = embedded(Path(sys.argv[1]))
database = site.open()
namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(2))
record = NewRecord("a", np.ones(2, np.float32), {"title": "a text that nobody searches"})
database.records.upsert(namespace, [record])
fold(database, site.clock, namespace)
database.records.upsert(namespace, [NewRecord("b", np.ones(2, np.float32), {"title": "another"})])
assert len(database.search.query(namespace, QueryRequest(vector=np.ones(2, np.float32), top_k=2)).matches) == 2
pointer = database.store.pointer(namespace.partition)
files = database.store.manifest(pointer.current).segments[0].files
assert "inverted" not in files and "postings" not in files, files
print([name for name in sys.modules if name == "Stemmer" or name.startswith("quartzdb.storage.index.text.")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
