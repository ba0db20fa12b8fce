from __future__ import annotations

import re
from pathlib import Path

import layercheck

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"


def test_the_newest_version_of_the_changelog_is_the_packages():
    text = CHANGELOG.read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text, re.M)

    assert versions[0] == layercheck.__version__


def test_every_section_is_one_of_keep_a_changelog():
    headings = re.findall(r"^### (.*)$", CHANGELOG.read_text(encoding="utf-8"), re.M)

    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
