"""What of others goes when a user's records may not be used any more, and what stays."""

from tests.store.rows import PEOPLE, lived_in, put, row, unit
from unlike.store import check, clusterings, differences, embeddings, journal, profiles, records
from unlike.store.differences import NewDifference
from unlike.store.lineage import drop_from_others
from unlike.store.profiles import NewProfile


def test_what_read_the_user_goes(tenant):
    """Ann was compared with Bob, Bob with Cleo; all three were clustered together."""
    world = lived_in(tenant)
    with tenant.write() as tx:
        touched = drop_from_others(tx, world.users["bob"])
        assert touched.users == (world.users["ann"], world.users["cleo"])
        assert touched.items == (world.items["tea"],)
        assert touched.counts == {"profiles": 2, "differences": 2, "calls": 1, "clusterings": 1}, "Bob's own call stays"
        assert profiles.current(tx, world.users["ann"]) is profiles.current(tx, world.users["cleo"]) is None
        assert profiles.pinned(tx, world.users["ann"]) == []
        assert clusterings.current(tx, world.items["tea"]) is None
        assert check.faults(tx) == []


def test_records_and_vectors_stay(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        drop_from_others(tx, world.users["bob"])
        assert records.count(tx) == 4
        assert len(embeddings.of_records(tx, "encoder", world.records.values())) == 4
        assert journal.get(tx, world.calls["cleo"]) is not None


def test_a_difference_of_another_clustering_stays(tenant):
    """Of Cleo, compared with Ann alone, and clustered with nobody else."""
    world = lived_in(tenant)
    with tenant.write() as tx:
        cleo, ann = world.records["cleo-tea"], world.records["ann-tea"]
        apart = clusterings.put(tx, world.items["tea"], "another", [[cleo], [ann]])
        new = NewDifference(cleo, (ann,), apart.number, "apart", 1, "m")
        made = differences.put(tx, new)
        profiles.put(tx, NewProfile(world.users["cleo"], "built", (), (cleo,), (made,)))
        drop_from_others(tx, world.users["bob"])
        assert differences.current_of(tx, [cleo])[cleo].difference == new
        assert [kept.version for kept in profiles.versions(tx, world.users["cleo"])] == [2]
        assert clusterings.current(tx, world.items["tea"]) == apart


def test_of_a_user_nobody_read_nothing_goes(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        touched = drop_from_others(tx, world.users["dora"])
        assert (touched.users, touched.items, set(touched.counts.values())) == ((), (), {0})
        assert len(differences.current_of(tx, world.records.values())) == len(PEOPLE)


def test_many_others_at_once(tenant):
    others = [f"u{n}" for n in range(510)]
    put(tenant, row("ann"), *(row(user) for user in others))
    with tenant.write() as tx:
        there = {stored.record.user_id: stored for stored in records.read(tx)}
        ann = there["ann"]
        embeddings.put(tx, "e", {ann.number: unit(0)})
        for user in others:
            own = there[user]
            made = differences.put(tx, NewDifference(own.number, (ann.number,), None, "text", 1, "m"))
            profiles.put(tx, NewProfile(own.user, "built", (), (own.number,), (made,)))
        touched = drop_from_others(tx, ann.user)
        assert touched.users == tuple(sorted(there[user].user for user in others))
        assert touched.counts == {"profiles": 510, "differences": 510, "calls": 0, "clusterings": 0}
        assert check.faults(tx) == []
