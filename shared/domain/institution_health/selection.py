"""The detector that the setting DETECTOR names."""

from typing import Literal

from shared.domain.institution_health import detector, learned
from shared.domain.institution_health.detector import Detector

DetectorName = Literal["rule", "learned"]
DEFAULT: DetectorName = "rule"
DETECTORS: dict[DetectorName, Detector] = {"rule": detector.judge, "learned": learned.judge}


def detector_named(name: DetectorName) -> Detector:
    """The detector of this name."""
    return DETECTORS[name]
