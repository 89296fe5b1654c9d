"""Keeping a profile that was built: its differences, its lineage and the end of the job, in one transaction."""

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import update

from unlike.memory.material import Compared, Material
from unlike.methods.steps import Difference
from unlike.store import clusterings, differences, jobs, profiles, users
from unlike.store.database import Outrun, Tx
from unlike.store.differences import NewDifference
from unlike.store.jobs import Job
from unlike.store.people import people_of
from unlike.store.profiles import NewProfile, Statement
from unlike.store.tables import PROFILES

Found = tuple[Compared, Difference]


def covers(profile: NewProfile, material: Material) -> bool:
    """Whether a profile was made from all key records."""
    return {stored.number for stored in material.past} <= set(profile.records)


def keep(job: Job, material: Material, found: Sequence[Found], statements: Sequence[Statement], made_with: str) -> None:
    """Keep what was built and end the job.

    A version that would say what the last one that was built says is not kept: so one that was edited or gone back to
    stays in force until there is something new.

    Raises:
        LeaseLost: Another worker has the job by now.
        Outrun: Someone whose words or figures were read is gone, or does not agree any more.
    """
    with job.tenant.write() as tx:
        people_of(tx, (), compared=chain(*(group for one in material.compared for group in one.against.groups)))
        numbers = [_number_of(tx, one, difference, made_with) for one, difference in found]
        if _says_the_same(material, statements):
            _freshen(tx, material.user)
        else:
            profiles.put(tx, _with_pins(tx, material, statements, numbers))
        differences.sweep(tx, [stored.number for stored in material.past])
        if material.user not in users.agreeing(tx, [material.user]):
            raise Outrun("the user does not let own records be used any more")
        if any(_clustered_since(tx, one) for one in material.compared):
            jobs.enqueue(tx, "build", [material.user], tx.now_ms)
        jobs.finish(tx, job)


def _number_of(tx: Tx, one: Compared, difference: Difference, made_with: str) -> int:
    if one.before is not None and one.still_holds(made_with):
        return one.before.number
    whom = one.against
    new = NewDifference(one.own.number, whom.peers, whom.clustering, difference.reply.text, whom.n_peers, made_with)
    return differences.put(tx, new)


def _says_the_same(material: Material, statements: Sequence[Statement]) -> bool:
    """Whether the last version that was built says so already."""
    if material.built is None or material.current is None:
        return False
    then = [statement.text for statement in material.built.profile.statements if not statement.pinned]
    pinned = {statement.text for statement in material.built.profile.statements if statement.pinned}
    now = [statement.text for statement in statements if statement.text not in pinned]
    return then == now and covers(material.built.profile, material)


def _freshen(tx: Tx, user: int) -> None:
    of_user = (PROFILES.c.tenant == tx.tenant) & (PROFILES.c.user == user)
    tx.conn.execute(update(PROFILES).where(of_user, PROFILES.c.current).values(stale=False))


def _with_pins(tx: Tx, material: Material, statements: Sequence[Statement], numbers: Sequence[int]) -> NewProfile:
    """The profile, with what people pinned before the rest; it goes back to whatever the pinned statements go back to."""
    pins = profiles.pinned(tx, material.user)
    pinned = [statement for statement, _ in pins]
    rest = [one for one in statements if one.text not in {statement.text for statement in pinned}]
    sources = [profiles.lineage_of(tx, source) for source in {source for _, source in pins} if source is not None]
    own = [stored.number for stored in material.past] + [number for records, _ in sources for number in records]
    made_of = [*numbers, *(number for _, differences in sources for number in differences)]
    return NewProfile(
        material.user, "built", (*pinned, *rest), tuple(dict.fromkeys(own)), tuple(dict.fromkeys(made_of))
    )


def _clustered_since(tx: Tx, one: Compared) -> bool:
    """Whether the item was clustered while the LLM was at work, so that others may stand for it now."""
    current = clusterings.current(tx, one.own.item)
    return current is None or current.number != one.against.clustering
