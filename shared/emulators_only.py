"""The emulators' environment variables are accepted on the emulators only.

With FIREBASE_AUTH_EMULATOR_HOST the Admin SDK accepts unsigned ID tokens, and the other variables redirect data, tasks
or messages: in a real project any of them is a mistake that lets everyone in, or an attack.
https://firebase.google.com/docs/emulator-suite/connect_auth#admin_sdks
"""

from collections.abc import Mapping

LOCAL_PROJECT_PREFIX = "demo-"  # the emulators' own convention: such a project does not exist
FIRESTORE = "FIRESTORE_EMULATOR_HOST"


def check_emulators(environ: Mapping[str, str]) -> None:
    """Refuses an environment that mixes emulators and real services.

    Args:
        environ: The process's environment; without a project nothing is refused.

    Raises:
        ValueError: A real project has an emulator's variable; or a project of the emulators calls Plaid's production
            without the Firestore emulator, so that the data would go to an unknown place.
    """
    project = environ.get("GCLOUD_PROJECT") or environ.get("GOOGLE_CLOUD_PROJECT") or ""
    if not project:
        return
    if not project.startswith(LOCAL_PROJECT_PREFIX):
        switches = sorted(name for name, value in environ.items() if name.endswith("_EMULATOR_HOST") and value)
        if switches:
            raise ValueError(
                f"{', '.join(switches)}: only for projects that begin with {LOCAL_PROJECT_PREFIX}; unset it"
            )
    elif environ.get("PLAID_ENV") == "production" and not environ.get(FIRESTORE):
        raise ValueError(f"PLAID_ENV=production in a project of the emulators needs {FIRESTORE}, or another project")
