"""Rejects the emulators' environment variables outside the emulators.

With FIREBASE_AUTH_EMULATOR_HOST the Admin SDK accepts unsigned ID tokens; the other variables redirect data, tasks or
messages. In a real project, such a variable is an attack or a mistake that admits any caller.
https://firebase.google.com/docs/emulator-suite/connect_auth#admin_sdks
"""

from collections.abc import Mapping

LOCAL_PROJECT_PREFIX = "demo-"  # the emulators' own convention: such a project does not exist
FIRESTORE = "FIRESTORE_EMULATOR_HOST"


def check_emulators(environ: Mapping[str, str]) -> None:
    """Refuses an environment that mixes emulators and real services.

    Args:
        environ: The process's environment; any environment without a project is accepted.

    Raises:
        ValueError: A real project has an emulator's variable; or an emulator project calls Plaid's production
            without the Firestore emulator, so that production data would end up in an unknown place.
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
        raise ValueError(f"PLAID_ENV=production in an emulator project: set {FIRESTORE}, or use a real project")
