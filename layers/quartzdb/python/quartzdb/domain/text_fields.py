"""How a text field is analysed: what its words are, and which of their forms count as the same word.

Which metadata fields are text is fixed when a namespace is created; what becomes of a text is `storage/index/text`.
"""

from __future__ import annotations

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.values import dataclass

LANGUAGES = (
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "chinese",
    "czech",
    "danish",
    "dutch",
    "english",
    "esperanto",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "japanese",
    "khmer",
    "korean",
    "lao",
    "lithuanian",
    "nepali",
    "norwegian",
    "other",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "thai",
    "turkish",
    "yiddish",
)
"""What a text may be written in. `other`: any language; words count as they are written."""
UNSTEMMED = frozenset({"chinese", "japanese", "khmer", "korean", "lao", "other", "thai"})
"""Those whose words are not brought to a stem, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class TextField:
    """`stemming`: forms of a word are the same word. `stopwords`: words that every text has are left out.

    Either has no effect in a language for which there is nothing of the kind. Raises InvalidArgument.
    """

    language: str = "english"
    stemming: bool = True
    stopwords: bool = True

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise InvalidArgument(
                f"{str(self.language)[:80]!r} is no language that text is analysed in.",
                field="language",
                hint=f"Use one of {', '.join(LANGUAGES)}. With `other`, words count as they are written.",
            )
