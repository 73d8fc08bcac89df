"""Match scores of identity data, 0 to 100, as /identity/match gives them.

Source: plaid.com/docs/api/products/identity/#identitymatch: 100 is a perfect match, 70 the usual threshold; a score is
null if either side has no value; with several owners the best match counts. Plaid does not publish its algorithm. This
one keeps to the documented bands: 85 and more for the same name in another form, 70 to 84 for a partial match.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from typing import Any

Json = dict[str, Any]
_BUSINESS = {"llc", "inc", "ltd", "corp", "co", "company", "dba", "business", "gmbh", "plc", "limited", "corporation"}
_NICKNAMES = (
    {"alexander", "alexandra", "alex", "sasha", "sandy"},
    {"alberta", "albert", "al", "bert", "bertie"},
    {"elizabeth", "liz", "lizzie", "beth", "betty", "eliza"},
    {"jennifer", "jenn", "jen", "jenny"},
    {"james", "jim", "jimmy", "jamie"},
    {"john", "jonathan", "jon", "johnny", "jack"},
    {"katherine", "catherine", "kate", "katie", "kathy", "cathy"},
    {"margaret", "maggie", "meg", "peggy"},
    {"michael", "mike", "mick", "mikey"},
    {"robert", "rob", "bob", "bobby", "robbie", "bert"},
    {"thomas", "tom", "tommy"},
    {"william", "will", "bill", "billy", "liam"},
)
_SHORT = {
    "street": "st",
    "road": "rd",
    "avenue": "ave",
    "boulevard": "blvd",
    "drive": "dr",
    "lane": "ln",
    "court": "ct",
}
_ADDRESS_WEIGHTS = {"street": 40, "city": 20, "postal_code": 25, "region": 10, "country": 5}
STRONG, PARTIAL, MISMATCH = 85, 70, 69


def match_name(given: str | None, owners: list[Json]) -> Json:
    """The score of a legal name against all names of the owners."""
    scored = [_name(_words(given), _words(name)) for owner in owners for name in owner["names"] if given and name]
    if not scored:
        return dict.fromkeys(
            ("score", "is_first_name_or_last_name_match", "is_nickname_match", "is_business_name_detected")
        )
    return max(scored, key=lambda result: int(result["score"]))


def _name(given: list[str], known: list[str]) -> Json:
    business = bool(_BUSINESS & {*given, *known})
    same = bool(given and known) and (given[0] == known[0] or given[-1] == known[-1])
    nickname = _nickname(given, known)
    return {
        "score": _name_score(given, known, nickname=nickname, same_end=same),
        "is_first_name_or_last_name_match": same,
        "is_nickname_match": nickname,
        "is_business_name_detected": business,
    }


def _name_score(given: list[str], known: list[str], *, nickname: bool, same_end: bool) -> int:
    alike = round(100 * SequenceMatcher(None, " ".join(given), " ".join(known)).ratio())
    if given == known:
        return 100
    if sorted(given) == sorted(known):
        return 95
    last_names = given[-1:] == known[-1:]
    if last_names and (nickname or given[:1] == known[:1]):
        return max(STRONG, min(alike, 99))  # a nickname, or a missing middle name
    if last_names and given[0][:1] == known[0][:1]:
        return min(max(PARTIAL, alike), STRONG - 1)
    return min(alike, MISMATCH if same_end else 60) if alike < STRONG else alike


def _nickname(given: list[str], known: list[str]) -> bool:
    if not given or not known or given[0] == known[0]:
        return False
    return any({given[0], known[0]} <= group for group in _NICKNAMES)


def match_phone(given: str | None, owners: list[Json]) -> Json:
    """The score of a phone number; an extension on one side only is a partial match."""
    known = [phone["data"] for owner in owners for phone in owner["phone_numbers"] if phone["data"]]
    return {"score": max((_phone(given, number) for number in known), default=None) if given else None}


def _phone(given: str, known: str) -> int:
    (one, one_extension), (other, other_extension) = _digits(given), _digits(known)
    if not one or not one.endswith(other[-10:]) or not other.endswith(one[-10:]):
        return 0
    return 100 if one_extension == other_extension else 85


def _digits(number: str) -> tuple[str, str]:
    """The number without its country prefix's signs, and its extension."""
    main, _, extension = re.sub(r"(?i)\s*(ext\.?|x|;ext=)\s*", ";", number).partition(";")
    return re.sub(r"\D", "", main).lstrip("0"), re.sub(r"\D", "", extension)


def match_email(given: str | None, owners: list[Json]) -> Json:
    """The score of an e-mail address; the same address with another `+` extension is a partial match."""
    known = [email["data"] for owner in owners for email in owner["emails"] if email["data"]]
    return {"score": max((_email(given, address) for address in known), default=None) if given else None}


def _email(given: str, known: str) -> int:
    one, other = given.strip().lower(), known.strip().lower()
    if one == other:
        return 100
    if re.sub(r"\+[^@]*@", "@", one) == re.sub(r"\+[^@]*@", "@", other):
        return 90
    return min(round(MISMATCH * SequenceMatcher(None, one, other).ratio()), MISMATCH)


def match_address(given: Json | None, owners: list[Json]) -> Json:
    """The score of an address: the weighted likeness of the parts that both sides have."""
    wanted = {name: value for name in _ADDRESS_WEIGHTS if (value := (given or {}).get(name))}
    known = [address["data"] for owner in owners for address in owner["addresses"]]
    scored = [result for data in known if (result := _address(wanted, data))]
    if not scored:
        return {"score": None, "is_postal_code_match": None}
    return max(scored, key=lambda result: int(result["score"]))


def _address(wanted: Json, data: Json) -> Json | None:
    both = [name for name in wanted if data.get(name)]
    if not both:
        return None
    likeness = {name: _alike(wanted[name], data[name]) for name in both}
    if "postal_code" in both:
        likeness["postal_code"] = float(_postal(wanted) == _postal(data))
    total = sum(_ADDRESS_WEIGHTS[name] for name in both)
    score = round(100 * sum(_ADDRESS_WEIGHTS[name] * likeness[name] for name in both) / total)
    return {
        "score": score if score == 100 or min(likeness.values()) == 1 else min(score, 99),
        "is_postal_code_match": likeness["postal_code"] == 1 if "postal_code" in both else None,
    }


def _alike(one: str, other: str) -> float:
    mine, theirs = ([_SHORT.get(word, word) for word in _words(text)] for text in (one, other))
    return 1.0 if mine == theirs else SequenceMatcher(None, " ".join(mine), " ".join(theirs)).ratio() * 0.8


def _postal(data: Json) -> str:
    """The postal code without the four digits that extend an American one."""
    return re.sub(r"[^0-9a-z]", "", re.sub(r"-\d{4}$", "", str(data["postal_code"]).lower()))


def _words(text: str | None) -> list[str]:
    plain = unicodedata.normalize("NFKD", text or "").casefold()
    return re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c)).replace("'", ""))
