"""Analysis: what the words of a text are, and which stem stands for each. A text and a query go the same way.

A segment keeps stems, so what is decided here is stored for years: whatever changes the outcome for any text raises
ANALYSER_VERSION, which each segment names. Stems are those of the locked version of Snowball.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from threading import Lock

from quartzdb.domain.text_fields import UNSTEMMED, TextField
from quartzdb.storage.index.text.scripts import MARKS, UNSPACED
from quartzdb.storage.index.text.stop_words import STOP_WORDS

ANALYSER_VERSION = 1
WORD_CHARACTERS_MAX = 100
"""What is longer is no word, and is cut to that."""
_REMEMBERED_MAX = 200_000
"""Words whose stem is remembered, by analyser: some 25 MB."""

_ASCII_WORDS = re.compile(r"\w+", re.ASCII)
_WORDS = re.compile(rf"[\w{MARKS}]+")
_SCRIPTS = re.compile(rf"[{UNSPACED}{MARKS}]+|[^{UNSPACED}]+")
_UNSPACED = re.compile(rf"[{UNSPACED}]")
_CLUSTERS = re.compile(rf".[{MARKS}]*", re.DOTALL)
_ACCENTS = re.compile("[\u0300-\u036f]+")
_LATIN_END = "\u0250"
_FOLDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss"})
_TURKISH = str.maketrans({"I": "ı", "İ": "i"})


class Stems(dict[str, str]):
    """The stem of each word that was asked for; "" for one that is left out: a stop word, or a single character.

    Safe to ask from several threads: two that miss together find the same.
    """

    def __init__(self, stop_words: frozenset[str], stem: Callable[[str], str] | None) -> None:
        super().__init__()
        self._stop_words = stop_words
        self._stem = stem
        self._lock = Lock()

    def __missing__(self, word: str) -> str:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        stem = self[word] = self._found(word)
        return stem

    def _found(self, word: str) -> str:
        if word in self._stop_words:
            return ""
        if len(word) == 1:
            # Letters that stand alone are initials, symbols and what apostrophes cut off; where characters are words,
            # one is as good as two.
            return word if _UNSPACED.match(word) else ""
        word = word[:WORD_CHARACTERS_MAX]
        if _UNSPACED.match(word):
            return word
        stem = word
        if self._stem is not None:
            with self._lock:  # a stemmer of Snowball works in one buffer
                stem = self._stem(word)
        return stem if stem.isascii() else _folded(stem)


class Analyser:
    """Of one kind of text field. Thread-safe."""

    def __init__(self, field: TextField) -> None:
        stop_words = STOP_WORDS.get(field.language, "") if field.stopwords else ""
        self.stems = Stems(frozenset(stop_words.split()), _stemmer(field))
        self._turkish = field.language == "turkish"

    def words(self, text: str) -> Sequence[str]:
        """The words of a text as they are looked up in `stems`; a word's number is its place in the text.

        Of a script that puts no spaces between words: each character with the next one, and the last by itself.
        """
        if self._turkish:
            text = text.translate(_TURKISH)
        if text.isascii():
            return _ASCII_WORDS.findall(text.lower())
        text = unicodedata.normalize("NFKC", text).casefold()
        words = _WORDS.findall(text)
        if _UNSPACED.search(text) is None:
            return words
        return [part for word in words for part in _parts(word)]

    def query_words(self, text: str) -> Sequence[str]:
        """The same of a query: without the last characters by themselves, which say nothing that the others do not."""
        words = self.words(text)
        return [
            "" if place and _single(word) and words[place - 1][-len(word) :] == word else word
            for place, word in enumerate(words)
        ]

    def beginning(self, text: str) -> tuple[Sequence[str], str]:
        """Of what a word begins with: the words before it (`wi` of `wi-fi`), and how stems begin that stand for words
        which begin so: as it was written, but for case and accents.
        """
        if self._turkish:
            text = text.translate(_TURKISH)
        words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
        return (words[:-1], _folded(words[-1])[:WORD_CHARACTERS_MAX]) if words else ((), "")


def _single(word: str) -> bool:
    return _UNSPACED.match(word) is not None and len(_CLUSTERS.findall(word)) == 1


def _parts(word: str) -> list[str]:
    """The words of a run of letters, which may be of several scripts."""
    found: list[str] = []
    for run in _SCRIPTS.findall(word):
        if _UNSPACED.match(run) is None:
            found.append(run)
            continue
        clusters = _CLUSTERS.findall(run)
        found += map("".join, pairwise(clusters))
        found.append(clusters[-1])
    return found


def _folded(stem: str) -> str:
    """Without accents, where the letters are Latin; in other scripts marks are part of the spelling."""
    if stem.isascii():
        return stem
    parts = unicodedata.normalize("NFD", stem)
    if not all(
        letter < _LATIN_END or "\u0300" <= letter <= "\u036f" or "\u1e00" <= letter <= "\u1eff"
        for letter in parts
    ):
        return unicodedata.normalize("NFC", parts)
    return _ACCENTS.sub("", parts).translate(_FOLDED)


def _stemmer(field: TextField) -> Callable[[str], str] | None:
    if not field.stemming or field.language in UNSTEMMED:
        return None
    # Imported only where a namespace has text. It remembers stems itself, which `Stems` does already.
    stemmer = import_module("Stemmer").Stemmer(field.language, 0)
    stem: Callable[[str], str] = stemmer.stemWord
    return stem
