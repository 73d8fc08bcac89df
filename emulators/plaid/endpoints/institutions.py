"""Institutions. Source: plaid.com/docs/api/institutions."""

from emulators.plaid import institutions
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError

_MOST_FOUND = 10


@endpoint("/institutions/get_by_id")
def get_by_id(call: Call) -> Json:
    institution = institutions.find(call.fields["institution_id"])
    if not set(call.fields["country_codes"]) & set(institution.countries):
        raise PlaidError("INVALID_INSTITUTION", "the institution is not in any of the requested country_codes")
    return {"institution": _describe(call, institution)}


@endpoint("/institutions/search")
def search(call: Call) -> Json:
    found = institutions.select(
        call.fields["country_codes"],
        query=call.fields["query"],
        products=call.fields.get("products"),
        oauth=call.options.get("oauth"),
    )
    return {"institutions": [_describe(call, institution) for institution in found[:_MOST_FOUND]]}


@endpoint("/institutions/get")
def get(call: Call) -> Json:
    found = institutions.select(
        call.fields["country_codes"],
        products=call.options.get("products"),
        oauth=call.options.get("oauth"),
        routing_numbers=call.options.get("routing_numbers"),
    )
    first = int(call.fields["offset"])
    page = found[first : first + int(call.fields["count"])]
    return {"institutions": [_describe(call, institution) for institution in page], "total": len(found)}


def _describe(call: Call, institution: institutions.Institution) -> Json:
    answer = institutions.describe(institution, call.options)
    if call.options.get("include_status"):
        answer["status"] = call.world.health_of(institution).as_object(institution.products)
    return answer
