"""``unlike backup``: a copy that is a store of its own, which only the same master key opens."""


def test_a_copy_is_opened_with_the_key_of_the_store(unlike, shop, tmp_path):
    copy = tmp_path / "copy"
    status, out, err = unlike("backup", "--store", shop, "--out", copy)
    assert (status, out) == (0, "")
    assert f"written to {copy / 'store.sqlite'}" in err
    _, held, _ = unlike("export", "ada", "--store", shop)
    assert unlike("export", "ada", "--store", copy, "--master", f"file:{shop / 'master.key'}")[1] == held
    status, out, err = unlike("export", "ada", "--store", copy)
    assert (status, out) == (2, "") and "master" in err


def test_nothing_is_overwritten(unlike, shop, tmp_path):
    before = (shop / "store.sqlite").stat().st_ino
    status, _, err = unlike("backup", "--store", shop, "--out", shop)
    assert status == 2 and "holds a store; name a folder without one" in err
    assert (shop / "store.sqlite").stat().st_ino == before
