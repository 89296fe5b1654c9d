"""``unlike export``: all that is held about a user, for that user alone."""

import json
import stat


def test_it_is_printed_or_written_for_its_owner_alone(unlike, shop, tmp_path):
    status, out, err = unlike("export", "ada", "--store", shop)
    assert (status, err) == (0, "")
    held = json.loads(out)
    assert [record["record_id"] for record in held["records"]] == ["ada-pen", "ada-cup", "ada-map"]
    assert held["consent"] == {"own": True, "peer": True}
    assert len(held["profiles"]) == 1
    assert "bob-" not in out
    status, printed, err = unlike("export", "ada", "--store", shop, "--out", tmp_path / "ada.json")
    assert (status, printed) == (0, "")
    assert f"3 records and 1 profile version of ada: {tmp_path / 'ada.json'}" in err
    again = json.loads((tmp_path / "ada.json").read_text())
    assert [line["what"] for line in again["audit"]] == [*(line["what"] for line in held["audit"]), "export"]
    assert again | {"audit": held["audit"]} == held
    assert stat.S_IMODE((tmp_path / "ada.json").stat().st_mode) == 0o600


def test_what_cannot_be_is_one_line(unlike, shop, tmp_path):
    status, out, err = unlike("export", "zoe", "--store", shop)
    assert (status, out) == (2, "")
    assert "no user 'zoe'" in err
    status, out, err = unlike("export", "ada", "--store", shop, "--out", tmp_path / "no" / "ada.json")
    assert (status, out) == (2, "")
    assert "cannot be written: No such file or directory" in err
