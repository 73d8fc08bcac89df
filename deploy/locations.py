"""Where a project's functions, database and key are, and whether these locations fit together.

The functions belong near their database, and the key into the same part of the world: it is called with each access
token. https://firebase.google.com/docs/firestore/locations, https://cloud.google.com/kms/docs/locations
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

DEFAULT_DATABASE = "nam5"
MULTI_REGIONS = {"nam5": "us", "nam7": "us", "eur3": "europe"}  # Firestore's, and the multi-region of Cloud KMS there
DATABASE_OF_AREA = {"us": DEFAULT_DATABASE, "europe": "eur3"}
REGION = re.compile(r"([a-z]+)-[a-z]+\d+")


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a key in Cloud KMS."""

    project: str
    location: str
    ring: str
    name: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/keyRings/{self.ring}/cryptoKeys/{self.name}"

    @property
    def place(self) -> tuple[str, str]:
        """The options of `gcloud kms` for the location and the project of the key."""
        return f"--location={self.location}", f"--project={self.project}"

    @classmethod
    def parse(cls, name: str) -> "Key | None":
        """The key with a full name; None if the text is not one."""
        found = re.fullmatch(r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)/cryptoKeys/([^/]+)", name)
        return cls(*found.groups()) if found else None


def area(location: str) -> str:
    """The part of the world that a location is in: `us`, `europe`, `asia`, …"""
    return MULTI_REGIONS.get(location) or location.partition("-")[0]


def database_near(region: str) -> str:
    """The location of a new database for functions in a region, if no other was chosen."""
    return DATABASE_OF_AREA.get(area(region), region)


def key_near(database: str) -> str:
    """The location of a new key for a database: as available as the database itself."""
    return MULTI_REGIONS.get(database, database)


def misfits(*, region: str, database: str, key: str) -> Iterator[str]:
    """What is wrong with three locations; each text says what to set instead."""
    if not REGION.fullmatch(region):
        yield f"correct DEPLOY_REGION: {region} is not a region, such as us-central1 or europe-west1"
    if not (database in MULTI_REGIONS or REGION.fullmatch(database)):
        yield f"correct DEPLOY_FIRESTORE_LOCATION: {database} is not nam5, nam7, eur3 or a region"
    elif area(region) != area(database):
        yield (
            f"DEPLOY_REGION={region} does not fit DEPLOY_FIRESTORE_LOCATION={database}: choose a region in "
            f"`{area(database)}`, or for a new database the location {database_near(region)}"
        )
    if not (key in MULTI_REGIONS.values() or REGION.fullmatch(key)) or area(key) != area(database):
        yield (
            f"the key's location {key} does not fit DEPLOY_FIRESTORE_LOCATION={database}: leave DEPLOY_KEY_LOCATION "
            f"and VAULT_KEY out, or choose {key_near(database)}"
        )
